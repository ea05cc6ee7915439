// A laptop that sleeps: the process is stopped until the value in its memory has expired.
import t from 'tap'
import { untilStopped } from '../../support/children.js'
import { startMachine } from '../../support/controlled-process.js'
import { pause } from '../../support/timing.js'

for (const [kind, key] of [
  ['without autoRefresh', {}],
  ['with autoRefresh', { autoRefresh: true }],
] as const) {
  t.test(`A process ${kind} serves no expired value after a sleep, neither first nor later`, async (t) => {
    const { upstream, processes } = await startMachine(t, 1, { delay: 20, expiresIn: 1, key })
    const [sleeper] = processes as [(typeof processes)[0]]
    for (let round = 0; round < 3; round++) {
      const before = await sleeper.get()
      sleeper.process.kill('SIGSTOP')
      await untilStopped(sleeper.pid)
      // The command waits in the pipe when the process wakes up, so that nothing runs before it.
      const first = sleeper.ask('peek')
      const second = sleeper.get()
      await pause(1200)
      sleeper.process.kill('SIGCONT')
      const peeked = (await first) as { value: string } | null
      t.not(peeked?.value, before, 'peek')
      t.not(await second, before, 'get')
    }
    t.strictSame(upstream.overlaps, [])
  })
}

t.test('Of eight processes that all slept past the expiry, one fetches when they wake up', async (t) => {
  const { upstream, processes } = await startMachine(t, 8, { delay: 200, expiresIn: 3 })
  t.equal(new Set(await Promise.all(processes.map((process) => process.get()))).size, 1)
  for (const { process } of processes) process.kill('SIGSTOP')
  await Promise.all(processes.map(({ pid }) => untilStopped(pid)))
  const answers = Promise.all(processes.map((process) => process.get()))
  await pause(3300)
  for (const { process } of processes) process.kill('SIGCONT')
  t.strictSame([...new Set(await answers)], ['token-2-of-the-upstream'])
  t.equal(upstream.count, 2)
})
