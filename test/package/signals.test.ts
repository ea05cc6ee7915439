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

/** Starts the script and waits until it reaches its phase. `printed(line)` waits for a line. */
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
  const printed = async (line: string): Promise<void> => {
    while (!out.split('\n').includes(line)) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`ended without printing ${line}: ${out}`)
      await new Promise<void>((resolve) => wake.push(resolve))
    }
  }
  await printed('ready')
  return { child, exited, printed, lines: () => out.trim().split('\n') }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  for (const [phase, when] of phases) {
    t.test(`${signal} ${when} ends a script that has no handler`, async (t) => {
      const { child, exited } = await begin(
        t,
        temporary((end) => t.teardown(end)),
        phase,
      )
      child.kill(signal)
      t.same(await exited, { code: null, signal })
    })

    t.test(`${signal} ${when} calls only the script's own handler, once for each signal`, async (t) => {
      const env = { HANDLER: '1', SIGNAL: signal }
      const { child, exited, printed, lines } = await begin(
        t,
        temporary((end) => t.teardown(end)),
        phase,
        env,
      )
      child.kill(signal)
      await printed('handled 1')
      child.kill(signal)
      await printed('handled 2')
      const during = phase === 'during'
      t.same(await exited, { code: during ? 0 : 7, signal: null }, 'the script decides when and how it ends')
      const expected = ['ready', 'handled 1', 'handled 2', ...(during ? ['fetched'] : [])]
      t.same(lines(), expected, during ? 'the fetch was not interrupted' : 'each signal was handled once')
    })
  }
}

t.test('After a Ctrl-C in mid-fetch the next fetch starts without waiting for the time-out', async (t) => {
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
  t.ok(performance.now() - begun < 10_000, 'long before the time-out of the interrupted fetch')
  t.same(readdirSync(join(dir, '.lock')), [], 'no lock is left')
  t.notOk((await dog.status())[0]?.failure, 'an interrupted fetch is not recorded as a failure')
})
