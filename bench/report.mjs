// Prints the table, and writes results.json and the charts.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { chartsOf } from './chart.mjs'
import { here } from './lab.mjs'
import { show } from './measure.mjs'

const RESULTS = join(here, 'results.json')
const WIDTHS = [50, 20, 26, 9, 7]

const row = (cells) =>
  cells
    .map((cell, at) => String(cell ?? '').padEnd(WIDTHS[at] ?? 0))
    .join(' ')
    .trimEnd()

export const printHead = () => console.log(row(['figure', 'against', 'measured (10–90 %)', 'target', '', 'absolute']))

export function printLine({ figure, against, median, low, high, unit, target, ok, beside, note }) {
  const range = low === undefined ? '' : ` (${show(low)}–${show(high)})`
  const limit = target === undefined ? '' : `≤ ${target}`
  const verdict = ok === undefined ? '' : ok ? 'ok' : 'MISSED'
  console.log(row([figure, against, show(median, unit) + range, limit, verdict, [beside, note].filter(Boolean).join('; ')]))
}

/** Writes the results. A part that was not run keeps the results of an earlier run. */
export function save(lines, chosen, asked) {
  const machine = {
    node: process.version,
    cpu: cpus()[0]?.model.trim(),
    cores: cpus().length,
    platform: `${process.platform} ${process.arch}`,
    date: new Date().toISOString(),
    command: ['npm run bench', ...(asked.length > 0 ? ['--', ...asked] : [])].join(' '),
  }
  const before = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : { parts: {} }
  const parts = { ...before.parts }
  for (const part of chosen) {
    parts[part] = { machine, figures: lines.filter((one) => one.part === part).map(({ part: _, ...rest }) => rounded(rest)) }
  }
  writeFileSync(RESULTS, `${JSON.stringify({ parts }, null, 2)}\n`)
  mkdirSync(join(here, 'charts'), { recursive: true })
  for (const [name, svg] of Object.entries(chartsOf(parts))) writeFileSync(join(here, 'charts', `${name}.svg`), svg)
}

/** Rounds every number to four significant digits. */
const rounded = (value) =>
  typeof value === 'number'
    ? Number(value.toPrecision(4))
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([name, part]) => [name, rounded(part)]))
      : value
