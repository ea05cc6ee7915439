// Ten minutes of eight processes that share one token of 2 s, on a platform that kills the old one at once. Business calls that
// are rejected twice in a row: 0. Memory and handles: flat. `node test/long/soak/run.mjs [seconds]`, on the built package.
import { fork } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const { fakeWeChat } = createRequire(import.meta.url)('../../../dist/testing/index.js')

const SECONDS = Number(process.argv[2] ?? 600)
const PROCESSES = 8
const LIFETIME = 2
/** Calls a second, of each process. */
const CALLS = 10
const LINES = 20
/** What a long run may grow by, over all of it: MiB of heap, of resident memory, and handles. */
const HEAP = 3
const RESIDENT = 40
const HANDLES = 2

if (!(SECONDS > 0)) throw new TypeError('seconds must be a number over 0')

const base = mkdtempSync(join(tmpdir(), 'dotdog-soak-'))
const dir = join(base, '.dog')
const unlimited = Number.POSITIVE_INFINITY
const fake = await fakeWeChat({
  ttl: LIFETIME,
  overlap: 0,
  maxLive: 1,
  delay: 5,
  limits: { token: unlimited, call: unlimited },
})

const workers = Array.from({ length: PROCESSES }, () => {
  const { appId, appSecret, url } = fake
  const child = fork(new URL('./worker.mjs', import.meta.url), {
    execArgv: ['--expose-gc'],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, DIR: dir, APP_ID: appId, APP_SECRET: appSecret, URL: url },
  })
  child.on('exit', (code) => {
    if (!stopping) fail(`a process ended with ${code}`)
  })
  return child
})
let stopping = false

const failures = []
function fail(message) {
  failures.push(message)
  process.exitCode = 1
}

const ask = (child, command) =>
  new Promise((resolve) => {
    child.once('message', resolve)
    child.send(command)
  })
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const MiB = (bytes) => bytes / 1024 ** 2
const sum = (list, of) => list.reduce((total, each) => total + of(each), 0)

/** The median slope between two points (Theil and Sen): one sample taken in the middle of a fetch is no growth; y per second. */
function slope(points) {
  const slopes = points.flatMap(([x1, y1], i) => points.slice(i + 1).map(([x2, y2]) => (y2 - y1) / (x2 - x1)))
  return slopes.sort((one, other) => one - other)[Math.floor(slopes.length / 2)] ?? 0
}

process.stdout.write(`${PROCESSES} processes, tokens of ${LIFETIME} s without an overlap, ${SECONDS} s\n`)
process.stdout.write('    s    calls  fetches  rejected  twice  errors  heap MiB  RSS MiB  handles\n')
const begun = performance.now()
await Promise.all(workers.map((child) => ask(child, { run: CALLS })))
const samples = []
for (let line = 1; line <= LINES; line++) {
  await pause(begun + (line * SECONDS * 1000) / LINES - performance.now())
  const all = await Promise.all(workers.map((child) => ask(child, { sample: true })))
  const total = (name) => sum(all, (each) => each[name])
  const sample = {
    at: (performance.now() - begun) / 1000,
    ...{ calls: total('calls'), rejected: total('rejected'), twice: total('twice'), errors: total('errors') },
    ...{ heap: MiB(total('heap')) / PROCESSES, rss: MiB(total('rss')) / PROCESSES, handles: total('handles') / PROCESSES },
  }
  samples.push(sample)
  const { at, calls, rejected, twice, errors, heap, rss, handles } = sample
  const columns = [
    ...[at.toFixed(0).padStart(5), String(calls).padStart(9), String(fake.count.token).padStart(9)],
    ...[String(rejected).padStart(10), String(twice).padStart(7), String(errors).padStart(8)],
    ...[heap.toFixed(2).padStart(10), rss.toFixed(1).padStart(9), handles.toFixed(1).padStart(9)],
  ]
  process.stdout.write(`${columns.join('')}\n`)
  for (const message of new Set(all.flatMap((each) => each.messages))) process.stdout.write(`      ${message}\n`)
}
stopping = true
for (const child of workers) child.disconnect()
await Promise.all(workers.map((child) => new Promise((resolve) => child.on('exit', resolve))))

const last = samples.at(-1)
// The first quarter is warming up: code is compiled, pools are filled.
const settled = samples.slice(LINES / 4)
const growth = (name) => slope(settled.map((sample) => [sample.at, sample[name]])) * (last.at - settled[0].at)
const perHour = (name) => slope(settled.map((sample) => [sample.at, sample[name]])) * 3600
for (const [name, unit, most] of [
  ['heap', 'MiB', HEAP],
  ['rss', 'MiB', RESIDENT],
  ['handles', '', HANDLES],
]) {
  process.stdout.write(
    `${name}: ${growth(name).toFixed(2)} ${unit} after warming up, ${perHour(name).toFixed(1)} ${unit} an hour\n`,
  )
  if (growth(name) > most) fail(`${name} grew by ${growth(name).toFixed(2)} ${unit}, more than ${most}`)
}

const left = ['.', '.lock', '.state'].flatMap((folder) => readdirSync(join(dir, folder))).sort()
const expected = ['.gitignore', '.lock', '.state', 'ACCESS_TOKEN.dog', 'ACCESS_TOKEN.json']
if (JSON.stringify(left) !== JSON.stringify(expected)) fail(`the folder holds ${left.join(' ')}`)
if (last.twice > 0) fail(`${last.twice} calls were rejected twice in a row`)
if (last.errors > 0) fail(`${last.errors} calls failed`)
if (last.calls < PROCESSES * CALLS * SECONDS * 0.3) fail(`only ${last.calls} calls were made`)
// Due after 90 % of a lifetime; each rejection may cost one more.
const fetches = SECONDS / (LIFETIME * 0.9) + last.rejected + 3
if (fake.count.token > fetches) fail(`${fake.count.token} fetches, at most ${Math.ceil(fetches)} were due`)

await fake.close()
rmSync(base, { recursive: true, force: true })
for (const message of failures) process.stdout.write(`FAILED: ${message}\n`)
process.stdout.write(failures.length === 0 ? 'all holds\n' : '')
