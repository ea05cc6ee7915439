// Usage, after a build: node --expose-gc test/long/soak/run.mjs [seconds], default 600.
// Eight processes share one token with a lifetime of 2 s, on a platform that kills the replaced token
// at once. Checks that no business call is rejected twice in a row, and that memory and handles do not
// grow. The exit code is 1 if a check fails.
import { fork } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const { fakeWeChat } = createRequire(import.meta.url)('../../../dist/testing/index.js')

const SECONDS = Number(process.argv[2] ?? 600)
const PROCESSES = 8
const LIFETIME_S = 2
/** Of each process. */
const CALLS_PER_SECOND = 10
/** Lines of the printed table. */
const SAMPLES = 20
/** What a process may grow by over the whole run. */
const MAX_HEAP_GROWTH_MIB = 3
const MAX_RSS_GROWTH_MIB = 40
const MAX_HANDLE_GROWTH = 2

if (!(SECONDS > 0)) throw new TypeError(`seconds must be a number over 0; got ${process.argv[2]}`)

const base = mkdtempSync(join(tmpdir(), 'dotdog-soak-'))
const dir = join(base, '.dog')
const unlimited = Number.POSITIVE_INFINITY
const fake = await fakeWeChat({
  ttl: LIFETIME_S,
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
    if (!isStopping) fail(`a process ended with ${code}`)
  })
  return child
})
let isStopping = false

const failures = []
function fail(message) {
  failures.push(message)
  process.exitCode = 1
}

/** Sends a command, and resolves with the answer. */
const ask = (child, command) =>
  new Promise((resolve) => {
    child.once('message', resolve)
    child.send(command)
  })
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const mibOf = (bytes) => bytes / 1024 ** 2
const sum = (list, of) => list.reduce((total, each) => total + of(each), 0)

/**
 * The median slope between two points, in y per second (Theil–Sen). With the median, one sample that
 * was taken in mid-fetch does not count as growth.
 */
function slope(points) {
  const slopes = points.flatMap(([x1, y1], i) => points.slice(i + 1).map(([x2, y2]) => (y2 - y1) / (x2 - x1)))
  return slopes.sort((one, other) => one - other)[Math.floor(slopes.length / 2)] ?? 0
}

process.stdout.write(`${PROCESSES} processes, tokens of ${LIFETIME_S} s without an overlap, ${SECONDS} s\n`)
process.stdout.write('    s    calls  fetches  rejected  twice  errors  heap MiB  RSS MiB  handles\n')
const begun = performance.now()
await Promise.all(workers.map((child) => ask(child, { run: CALLS_PER_SECOND })))
const samples = []
for (let line = 1; line <= SAMPLES; line++) {
  await pause(begun + (line * SECONDS * 1000) / SAMPLES - performance.now())
  const all = await Promise.all(workers.map((child) => ask(child, { sample: true })))
  const total = (name) => sum(all, (each) => each[name])
  const sample = {
    at: (performance.now() - begun) / 1000,
    ...{ calls: total('calls'), rejected: total('rejected'), twice: total('twice'), errors: total('errors') },
    ...{ heap: mibOf(total('heap')) / PROCESSES, rss: mibOf(total('rss')) / PROCESSES, handles: total('handles') / PROCESSES },
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
isStopping = true
for (const child of workers) child.disconnect()
await Promise.all(workers.map((child) => new Promise((resolve) => child.on('exit', resolve))))

const last = samples.at(-1)
// The first quarter warms up: code is compiled and pools are filled.
const settled = samples.slice(SAMPLES / 4)
const growth = (name) => slope(settled.map((sample) => [sample.at, sample[name]])) * (last.at - settled[0].at)
const perHour = (name) => slope(settled.map((sample) => [sample.at, sample[name]])) * 3600
for (const [name, unit, max] of [
  ['heap', 'MiB', MAX_HEAP_GROWTH_MIB],
  ['rss', 'MiB', MAX_RSS_GROWTH_MIB],
  ['handles', '', MAX_HANDLE_GROWTH],
]) {
  process.stdout.write(
    `${name}: ${growth(name).toFixed(2)} ${unit} after warming up, ${perHour(name).toFixed(1)} ${unit} an hour\n`,
  )
  if (growth(name) > max) fail(`${name} grew by ${growth(name).toFixed(2)} ${unit}, more than ${max}`)
}

const leftFiles = ['.', '.lock', '.state'].flatMap((folder) => readdirSync(join(dir, folder))).sort()
const expected = ['.gitignore', '.lock', '.state', 'ACCESS_TOKEN.dog', 'ACCESS_TOKEN.json']
if (JSON.stringify(leftFiles) !== JSON.stringify(expected)) fail(`the folder holds ${leftFiles.join(' ')}`)
if (last.twice > 0) fail(`${last.twice} calls were rejected twice in a row`)
if (last.errors > 0) fail(`${last.errors} calls failed`)
if (last.calls < PROCESSES * CALLS_PER_SECOND * SECONDS * 0.3) fail(`only ${last.calls} calls were made`)
// A token is due after 90 % of its lifetime, and each rejection may cost one more fetch.
const maxFetches = SECONDS / (LIFETIME_S * 0.9) + last.rejected + 3
if (fake.count.token > maxFetches) fail(`${fake.count.token} fetches, at most ${Math.ceil(maxFetches)} were due`)

await fake.close()
rmSync(base, { recursive: true, force: true })
for (const message of failures) process.stdout.write(`FAILED: ${message}\n`)
process.stdout.write(failures.length === 0 ? 'every check passed\n' : '')
