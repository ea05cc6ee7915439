// npm run bench [-- part …] [--strict]: measures dotdog and its peers side by side, prints the
// figures, and writes results.json and the charts.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { here, Lab } from './lab.mjs'
import { printHead, printLine, save } from './report.mjs'

const PARTS = ['memory', 'process', 'cold', 'takeover', 'refresh', 'keys', 'folders', 'waiters', 'redis']

const { values, positionals } = parseArgs({ allowPositionals: true, options: { strict: { type: 'boolean' } } })
const unknown = positionals.filter((name) => !PARTS.includes(name))
if (unknown.length > 0) {
  console.error(`unknown part: ${unknown.join(', ')}; the parts are ${PARTS.join(', ')}`)
  process.exit(2)
}

if (!existsSync(join(here, 'node_modules/.package-lock.json'))) {
  execFileSync('npm', ['ci', '--prefix', here, '--ignore-scripts', '--no-audit', '--no-fund'], { stdio: 'inherit' })
}

const chosen = PARTS.filter((name) => positionals.length === 0 || positionals.includes(name))
const lab = new Lab()
const lines = []
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await lab.close()
    process.exit(1)
  })
}
try {
  printHead()
  for (const name of chosen) {
    const { [name]: measure } = await import(`./parts/${name}.mjs`)
    const found = await measure(lab)
    found.forEach(printLine)
    lines.push(...found)
  }
} finally {
  await lab.close()
}
save(lines, chosen, positionals)
const missed = lines.filter(({ ok }) => ok === false).length
console.log(missed === 0 ? '\nEvery target is met.' : `\n${missed} targets missed.`)
if (missed > 0 && values.strict) process.exitCode = 1
