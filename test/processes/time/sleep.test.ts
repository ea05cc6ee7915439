// A laptop that sleeps: the process is stopped beyond the end of what it holds in memory.
import t from 'tap'
import { untilStopped } from '../../support/children.js'
import { startMachine } from '../../support/controlled-process.js'
import { pause } from '../../support/timing.js'

for (const [how, key] of [
  ['that asks', {}],
  ['with autoRefresh', { autoRefresh: true }],
] as const) {
  t.test(`a process ${how} and slept past the expiry does not serve what it held: neither first, nor later`, async (t) => {
    const { upstream, processes } = await startMachine(t, 1, { delay: 20, expiresIn: 1, key })
    const [sleeper] = processes as [(typeof processes)[0]]
    for (let round = 0; round < 3; round++) {
      const before = await sleeper.get()
      sleeper.process.kill('SIGSTOP')
      await untilStopped(sleeper.pid)
      // It stands in the pipe when the process wakes up: nothing runs before it.
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

t.test('of eight processes that all slept past the expiry, one fetches when they wake up', async (t) => {
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
