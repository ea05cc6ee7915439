import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import dotdog from '../../src/core/index.js'
import { temporary } from '../support/children.js'

const script = join(import.meta.dirname, 'fixtures/signals.cjs')

type Phase = 'before' | 'during' | 'after'
const phases = [
  ['before', 'before a fetch'],
  ['during', 'in mid-fetch'],
  ['after', 'after a fetch'],
] as const

/** Starts the script and waits until it is in its phase. `said(text)` waits for a line. */
async function begin(t: Test, DIR: string, PHASE: Phase, env: Record<string, string> = {}) {
  const child: ChildProcess = spawn(process.execPath, [script], {
    env: { PATH: process.env.PATH, DIR, PHASE, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  const wake: (() => void)[] = []
  child.stdout!.on('data', (chunk) => {
    out += chunk
    for (const resolve of wake.splice(0)) resolve()
  })
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.once('close', (code, signal) => {
      resolve({ code, signal })
      for (const resolve of wake.splice(0)) resolve()
    }),
  )
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const said = async (line: string): Promise<void> => {
    while (!out.split('\n').includes(line)) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`ended without saying ${line}: ${out}`)
      await new Promise<void>((resolve) => wake.push(resolve))
    }
  }
  await said('ready')
  return { child, exited, said, lines: () => out.trim().split('\n') }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  for (const [phase, when] of phases) {
    t.test(`${signal} ${when} ends a script without handlers, as it always did`, async (t) => {
      const { child, exited } = await begin(
        t,
        temporary((end) => t.teardown(end)),
        phase,
      )
      child.kill(signal)
      t.same(await exited, { code: null, signal })
    })

    t.test(`${signal} ${when} is left to the script's own handler, once a signal`, async (t) => {
      const env = { HANDLER: '1', SIGNAL: signal }
      const { child, exited, said, lines } = await begin(
        t,
        temporary((end) => t.teardown(end)),
        phase,
        env,
      )
      child.kill(signal)
      await said('handled 1')
      child.kill(signal)
      await said('handled 2')
      const during = phase === 'during'
      t.same(await exited, { code: during ? 0 : 7, signal: null }, 'it ends when and as it wants')
      const expected = ['ready', 'handled 1', 'handled 2', ...(during ? ['fetched'] : [])]
      t.same(lines(), expected, during ? 'the fetch went on' : 'no more and no less')
    })
  }
}

t.test('after a Ctrl-C in mid-fetch nothing stands in the way of the next fetch', async (t) => {
  const dir = temporary((end) => t.teardown(end))
  const { child, exited } = await begin(t, dir, 'during')
  t.not(readdirSync(join(dir, '.lock')).length, 0, 'it held the lock')
  child.kill('SIGINT')
  await exited
  const dog = dotdog.createDog({ dir, timeout: 30 })
  t.teardown(() => dog.close())
  dog.init('KEY', async () => ({ value: 'next', expiresIn: 60 }))
  const begun = performance.now()
  t.equal(await dog.get('KEY'), 'next')
  t.ok(performance.now() - begun < 10_000, 'long before the time-out of the one that was interrupted')
  t.same(readdirSync(join(dir, '.lock')), [], 'and nothing is left behind')
  t.notOk((await dog.status())[0]?.failure, 'an interrupted fetch is no failure of the upstream')
})
