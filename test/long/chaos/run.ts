import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { stoppedCommits } from './commit.js'
import { blockedHolders, deadHolders } from './instant.js'
import { type Figures, signals } from './signals.js'

/**
 * The long form: `node scripts/chaos.js [signals] [commit] [instant] [faults] [crowd]`, default all. Prints its figures. The exit
 * code is 1 where a promise was broken or a run hangs, 2 where none was but something could not be run here. SEED, INJECTIONS
 * and ROUNDS change their numbers.
 */
const seed = Number(process.env.SEED ?? 1)
const injections = Number(process.env.INJECTIONS ?? 2000)
const rounds = Number(process.env.ROUNDS ?? 200)
const wanted = process.argv.slice(2)
const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name)

/** Milliseconds after which a form in a process of its own is ended. */
const HANGS = 1_200_000

let broken = 0
let skipped = 0
function promise(what: string, found: string[]): void {
  console.log(`${found.length === 0 ? 'ok    ' : 'BROKEN'}  ${what}: ${found.length}`)
  for (const one of found.slice(0, 20)) console.log(`          ${one.slice(0, 500)}`)
  broken += found.length
}

async function runSignals(): Promise<void> {
  // Three crews at a time. The short time-outs are overstepped by the longer stops; 10 s are not, and explain nothing.
  const all = await Promise.all(
    [1, 2, 10].map((timeout, index) =>
      signals({ injections: Math.ceil(injections / 3), timeout, seed: seed + index, longest: 6000 }),
    ),
  )
  for (const figures of all) {
    const { overlaps, older, torn, late, errors, left, explained, warnings, ...counts } = figures
    console.log(`signals, time-out ${figures.timeout} s: ${JSON.stringify(counts)}`)
    console.log(`        errors that a stop explains: ${JSON.stringify(explained)}; warnings: ${JSON.stringify(warnings)}`)
  }
  const patient = all.filter(({ timeout }) => timeout === 10)
  const faults = patient.flatMap(({ explained, overtaken }) => [
    ...Object.entries(explained).map(([code, count]) => `${count} × ${code}`),
    ...(overtaken > 0 ? [`${overtaken} holders overtaken`] : []),
  ])
  const astray = all.filter(({ onHolder, kills, stops }) => onHolder <= (kills + stops) / 2)
  const of = (name: 'overlaps' | 'older' | 'torn' | 'late' | 'errors' | 'left') => all.flatMap((one: Figures) => one[name])
  promise('overlapping fetches of two living processes within their time-outs', of('overlaps'))
  promise('an older value on disk', of('older'))
  promise('a file that does not parse', of('torn'))
  promise('a get past 2 × time-out + 2 s', of('late'))
  promise('errors', of('errors'))
  promise('errors, or holders overtaken, that a stop explains, under the time-out that no stop oversteps', faults)
  promise(
    'crews of which not more than half of the kills and stops hit the holder',
    astray.map(({ timeout }) => `time-out ${timeout} s`),
  )
  promise('anything in the folder but records and ledgers', of('left'))
}

async function runCommit(): Promise<void> {
  const { stopped, overtaken, wrong } = await stoppedCommits(20)
  console.log(`a holder stopped before each of ${stopped} system calls of its commit: ${overtaken} were overtaken`)
  promise('an older value in place, or one that is not everybody’s', wrong)
}

async function runInstant(): Promise<void> {
  const dead = await deadHolders(rounds)
  const { together, around, crossed } = dead
  console.log(`16 processes on a dead holder's lock: ${dead.rounds} rounds, ${dead.seconds} s`)
  console.log(
    `        all at once: ${JSON.stringify(together)} ms apart; around the first commit: ${JSON.stringify(around)} ms apart`,
  )
  console.log(`        before and after the first answer: ${crossed} rounds`)
  promise('rounds with other than one fetch, one value, nothing left', dead.wrong)
  const blocked = await blockedHolders(Math.ceil(rounds / 2))
  const { soonest, seconds } = blocked
  console.log(
    `a blocked holder: ${blocked.rounds} rounds, ${seconds} s; robbed ${soonest} ms after its time-out at the soonest`,
  )
  promise('rounds with a fetch beside it, or before its time-out and 2 s', blocked.wrong)
}

async function runFaults(): Promise<void> {
  const script = join(import.meta.dirname, '../../processes/faults/faults.cjs')
  const codes = ['EACCES,EIO', 'EPERM,ENOTDIR', 'EROFS,ENOSPC', 'EMFILE,EBUSY']
  const wrong: string[] = []
  const fail = async (what: string, CODES: string, more: Record<string, string> = {}) => {
    const options = { env: { ...process.env, CODES, ...more }, maxBuffer: 64 * 1024 * 1024, timeout: HANGS }
    const { stdout } = await promisify(execFile)(process.execPath, [script], options)
    const figures = JSON.parse(stdout)
    wrong.push(...figures.wrong)
    console.log(`every call of fs fails${what}, ${CODES}: ${figures.runs} runs, ${JSON.stringify(figures.outcomes)}`)
  }
  const slow = codes.flatMap((some) => some.split(',').map((code) => fail(' in a slow fetch', code, { LONG: '1' })))
  await Promise.all([...codes.map((some) => fail('', some)), ...slow])
  promise('runs that end in anything but the value or an ERR_DOG_STORE, or leave anything', wrong)
}

/** Real watchers, real limits: a test of its own, with more processes than the system has watchers for one user. */
async function runCrowd(): Promise<void> {
  const tap = join(dirname(createRequire(import.meta.url).resolve('tap')), '../esm/run.mjs')
  const env = { ...process.env, CROWD: '200' }
  const options = { env, maxBuffer: 64 * 1024 * 1024, timeout: HANGS }
  const args = [tap, 'run', '--timeout=600', '--reporter=tap', 'test/processes/faults/real.test.ts']
  const run = await promisify(execFile)(process.execPath, args, options).catch((error) => error)
  const line = String(run.stdout)
    .split('\n')
    .find((one) => /^ *(not )?ok \d+ - past the limit of inotify/.test(one))
  console.log(`200 processes past the limit of inotify: ${line?.trim()}`)
  if (/# SKIP/i.test(line ?? '')) {
    console.log('SKIPPED 200 processes past the limit of inotify: nothing was looked at')
    skipped++
    return
  }
  promise('what went wrong', line?.trim().startsWith('ok') ? [] : [String(run.stdout).slice(-2000)])
}

const begun = performance.now()
const forms = { signals: runSignals, commit: runCommit, instant: runInstant, faults: runFaults, crowd: runCrowd }
for (const [name, form] of Object.entries(forms)) {
  // A run that hangs is ended by its watchdog, which is an error.
  if (isWanted(name)) await form().catch((error) => promise(`${name} came to no end`, [String(error)]))
}
const verdict = broken > 0 ? `${broken} times a promise was broken` : 'No promise was broken'
const rest = skipped > 0 ? `; ${skipped} not looked at` : ''
console.log(`${verdict}${rest}; ${Math.round((performance.now() - begun) / 1000)} s`)
process.exitCode = broken > 0 ? 1 : skipped > 0 ? 2 : 0
