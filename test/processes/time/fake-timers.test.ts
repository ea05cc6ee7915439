// Fake timers that a user installs after the package was loaded.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start } from '../../support/children.js'
import { temporaryFolder } from '../../support/temporary-folder.js'
import { pause, until } from '../../support/timing.js'

const script = join(import.meta.dirname, 'fixtures/stopped-timers.cjs')

function setUp(t: Test) {
  const base = temporaryFolder(t)
  const env = { DIR: join(base, '.dog'), LOG: join(base, 'log') }
  const run = (more: Record<string, string> = {}) => {
    const child = start(script, { ...env, ...more })
    t.teardown(() => child.process.exitCode ?? child.process.signalCode ?? child.process.kill('SIGKILL'))
    return child
  }
  const fetches = () => readFileSync(env.LOG, 'utf8').trim().split('\n').length
  return { ...env, run, fetches }
}

for (const [what, more] of [
  ['every timer and clock', {}],
  ['every timer and clock and process.nextTick', { FAKE_NEXT_TICK: '1' }],
  ['all of these and a callback passed to get', { FAKE_NEXT_TICK: '1', CALLBACK: '1' }],
] as Array<[string, Record<string, string>]>) {
  t.test(`With stopped fakes of ${what}, two processes get one value and end by themselves`, async (t) => {
    const { run, fetches } = setUp(t)
    const env = { FETCH_MS: '600', OPTIONS: '{"timeout":5}', ...more }
    const exits = await Promise.all([run(env), run(env)].map((child) => child.exited))
    for (const { code, err } of exits) t.strictSame([code, err], [0, ''])
    t.equal(new Set(exits.map(({ out }) => out)).size, 1)
    t.match(exits[0]!.out, /^v1 of \d+\n$/)
    t.equal(fetches(), 1)
  })
}

t.test('With stopped fake timers a fetch that hangs still times out', async (t) => {
  const { run } = setUp(t)
  const { out } = await run({ FETCH_MS: '4000', OPTIONS: '{"timeout":0.3}' }).exited
  t.equal(out, 'ERR_DOG_FETCH_TIMEOUT\n')
})

t.test('With stopped fake timers a value is stored with the real time', async (t) => {
  const { run, DIR } = setUp(t)
  await run().exited
  const { fetchedAt } = JSON.parse(readFileSync(join(DIR, 'TOKEN.dog'), 'utf8'))
  t.ok(Math.abs(fetchedAt - Date.now()) < 60_000, new Date(fetchedAt).toISOString())
})

t.test('With stopped fake timers a holder keeps its heartbeat for processes that cannot see its pid', async (t) => {
  const { run, DIR } = setUp(t)
  const child = run({ FETCH_MS: '15000' })
  const lock = join(DIR, '.lock/TOKEN')
  const heartbeat = () => {
    try {
      return statSync(join(lock, readdirSync(lock)[0]!)).ctimeMs
    } catch {
      return undefined
    }
  }
  await until(heartbeat)
  await pause(500)
  const first = heartbeat()
  const end = performance.now() + 5000
  while (heartbeat() === first && performance.now() < end) await pause(20)
  t.ok(heartbeat() !== undefined, 'the process still holds the lock')
  t.not(heartbeat(), first, 'a heartbeat within 5 s')
  child.process.kill('SIGKILL')
})

/**
 * Test frameworks fake process.nextTick together with the timers. A callback once waited for a
 * faked tick for ever.
 */

for (const fake of ['process.nextTick', 'timers']) {
  for (const store of ['memory', 'file']) {
    const what = fake === 'timers' ? 'all timers and clocks are' : `${fake} is`
    t.test(`Values come from the ${store} store while ${what} faked`, async (t) => {
      const env = { DIR: temporaryFolder(t), FAKE: fake, STORE: store }
      const child = start(join(import.meta.dirname, 'fixtures/faked-time.cjs'), env)
      t.teardown(() => child.process.kill('SIGKILL'))
      const { out, err } = await child.exited
      t.same(JSON.parse(out || err), { first: 'v', second: 'v', third: 'v' })
    })
  }
}
