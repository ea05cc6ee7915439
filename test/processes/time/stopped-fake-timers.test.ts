// Users' fake timers, installed after the package was loaded.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start } from '../../support/children.js'
import { temporaryFolder } from '../../support/temporary-folder.js'
import { pause, until } from '../../support/timing.js'

const script = join(import.meta.dirname, 'fixtures/faked.cjs')

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
  ['process.nextTick too', { TICK: '1' }],
  ['all of them, in callback style', { TICK: '1', BACK: '1' }],
] as Array<[string, Record<string, string>]>) {
  t.test(`with fakes that stand still for ${what}, two processes get one value and end by themselves`, async (t) => {
    const { run, fetches } = setUp(t)
    const env = { HOLD: '600', OPTIONS: '{"timeout":5}', ...more }
    const exits = await Promise.all([run(env), run(env)].map((child) => child.exited))
    for (const { code, err } of exits) t.strictSame([code, err], [0, ''])
    t.equal(new Set(exits.map(({ out }) => out)).size, 1)
    t.match(exits[0]!.out, /^v1 of \d+\n$/)
    t.equal(fetches(), 1)
  })
}

t.test('with fakes that stand still, a fetch that hangs ends by its time-out', async (t) => {
  const { run } = setUp(t)
  const { out } = await run({ HOLD: '4000', OPTIONS: '{"timeout":0.3}' }).exited
  t.equal(out, 'ERR_DOG_FETCH_TIMEOUT\n')
})

t.test('with fakes that stand still, a value is stored with the right time', async (t) => {
  const { run, DIR } = setUp(t)
  await run().exited
  const { fetchedAt } = JSON.parse(readFileSync(join(DIR, 'TOKEN.dog'), 'utf8'))
  t.ok(Math.abs(fetchedAt - Date.now()) < 60_000, new Date(fetchedAt).toISOString())
})

t.test('with fakes that stand still, a holder goes on giving signs of life to those who cannot see its pid', async (t) => {
  const { run, DIR } = setUp(t)
  const child = run({ HOLD: '15000' })
  const lock = join(DIR, '.lock/TOKEN')
  const beat = () => {
    try {
      return statSync(join(lock, readdirSync(lock)[0]!)).ctimeMs
    } catch {
      return undefined
    }
  }
  await until(beat)
  await pause(500)
  const first = beat()
  const end = performance.now() + 5000
  while (beat() === first && performance.now() < end) await pause(20)
  t.ok(beat() !== undefined, 'it holds the lock all the time')
  t.not(beat(), first, 'a sign of life within 5 s')
  child.process.kill('SIGKILL')
})
