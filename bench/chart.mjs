// Bar charts as SVG, with the figure beside each bar. They are readable on a light and a dark page.
import { show } from './measure.mjs'

const WIDTH = 860
const NAMES = 330
const BARS = 360
const ROW = 24
const TOP = 58

const STYLE = `
  .page { fill: #ffffff } .text { fill: #1f2328 } .soft { fill: #59636e } .own { fill: #0969da } .peer { fill: #8c959f }
  .bad { fill: #bc4c00 } .target { stroke: #1a7f37; stroke-width: 2; stroke-dasharray: 5 3 } .aim { fill: #1a7f37 }
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif } .title { font-size: 16px; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .text { fill: #f0f6fc } .soft { fill: #9198a1 } .own { fill: #4493f8 } .peer { fill: #656c76 }
    .bad { fill: #db6d28 } .target { stroke: #3fb950 } .aim { fill: #3fb950 }
  }`

const safe = (text) => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)
const text = (x, y, classes, content, anchor = 'start') =>
  `<text x="${x}" y="${y}" class="${classes}" text-anchor="${anchor}">${safe(content)}</text>`

/**
 * A chart of bars.
 *
 * @param bars `{ name, value, label, kind }`; `kind` is own, peer or bad
 * @param options `isLog`: a logarithmic scale; `target`: the position of the line, in the unit of the
 *   values; `aim`: its label
 */
function draw(title, subtitle, bars, { isLog = false, target, aim } = {}) {
  const values = [...bars.map(({ value }) => value), ...(target === undefined ? [] : [target])]
  const most = Math.max(...values)
  const least = isLog ? 10 ** Math.floor(Math.log10(Math.min(...values)) - 0.3) : 0
  const scale = (value) => (isLog ? Math.log(value / least) / Math.log(most / least) : value / most) * BARS
  const height = TOP + bars.length * ROW + (target === undefined ? 12 : 30)
  const rows = bars.map(({ name, value, label, kind }, at) => {
    const y = TOP + at * ROW
    const long = Math.max(2, scale(value)).toFixed(1)
    return [
      text(NAMES - 10, y + 15, 'text', name, 'end'),
      `<rect x="${NAMES}" y="${y + 3}" width="${long}" height="${ROW - 8}" rx="2" class="${kind}"/>`,
      text(NAMES + Number(long) + 8, y + 15, 'text', label),
    ].join('')
  })
  const x = (NAMES + scale(target ?? 0)).toFixed(1)
  const mark =
    target === undefined
      ? []
      : [
          `<line x1="${x}" x2="${x}" y1="${TOP - 4}" y2="${height - 24}" class="target"/>`,
          text(Number(x), height - 9, 'aim', aim, 'middle'),
        ]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${safe(title)}">`,
    `<style>${STYLE}\n</style>`,
    `<rect width="${WIDTH}" height="${height}" class="page"/>`,
    text(16, 26, 'text title', title),
    text(16, 45, 'soft', subtitle),
    ...rows,
    ...mark,
    '</svg>\n',
  ].join('\n')
}

/** The chart of all targets: each figure divided by its target. */
function targetsOf(figures) {
  const bars = figures
    .filter(({ target }) => target !== undefined)
    .map(({ figure, against, median, unit, target, ok }) => {
      const name = `${figure}${unit === '×' ? ` : ${against}` : ''}`
      const value = Math.min(2, median / target)
      return {
        name: short(name),
        value,
        label: `${show(median, unit)}, target ${show(target, unit)}`,
        kind: ok ? 'own' : 'bad',
      }
    })
  return draw('dotdog against its targets', 'measured ÷ target: a bar up to the line meets its target', bars, {
    target: 1,
    aim: 'target',
  })
}

const short = (name) => (name.length > 50 ? `${name.slice(0, 49)}…` : name)

/** A chart of the times of dotdog and its peers, for some figures. */
function beside(title, figures, nameOf) {
  const bars = []
  let last
  for (const { figure, against, values } of figures) {
    if (values === undefined) continue
    const { own, peer, unit } = values
    if (figure !== last) bars.push({ name: nameOf(figure, 'dotdog'), value: own, label: show(own, unit), kind: 'own' })
    last = figure
    bars.push({ name: nameOf(figure, against), value: peer, label: show(peer, unit), kind: 'peer' })
  }
  return draw(title, 'shorter is better; logarithmic scale', bars, { isLog: true })
}

/** The charts for which there are results, by name. */
export function chartsOf(parts) {
  const of = (name) => parts[name]?.figures ?? []
  const charts = { targets: targetsOf(Object.keys(parts).flatMap(of)) }
  const first = of('memory')[0]
  if (first !== undefined) {
    const tight = of('memory').filter(({ figure }) => figure === first.figure)
    charts.memory = beside('A value in memory: one call, in a loop', tight, (_figure, who) => who)
  }
  const several = of('cold').length > 0 || of('takeover').length > 0
  if (several) {
    const title = 'From the upstream’s answer, or the holder’s death, to the last that waits'
    charts.processes = beside(title, [...of('cold'), ...of('takeover')], (figure, who) => `${figure.split(':')[0]}: ${who}`)
  }
  return charts
}
