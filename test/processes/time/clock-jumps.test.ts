// The wall clock is set a day ahead, or back, under running processes.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type ControlledProcess, DAY_MS, getRepeatedly, startMachine } from '../../support/controlled-process.js'
import { rejectionOf } from '../../support/errors.js'
import { until } from '../../support/timing.js'

const token = (number: number) => `token-${number}-of-the-upstream`
const gets = async (processes: ControlledProcess[]) =>
  new Set((await Promise.all(processes.map((process) => process.ask<string[]>('gets', 20)))).flat())

for (const count of [1, 3]) {
  const who = count === 1 ? 'one process' : 'all processes'

  t.test(
    `the clock of ${who} goes a day ahead and back between two gets: one fetch each time, and no expired value`,
    async (t) => {
      const { upstream, processes, setClock } = await startMachine(t, count)
      t.strictSame([...(await gets(processes))], [token(1)])
      setClock(DAY_MS)
      t.strictSame([...(await gets(processes))], [token(2)], 'the old one is over by this clock')
      setClock(0)
      // The record is from the future now: good, and to be replaced.
      const served = await gets(processes)
      t.notOk(served.has(token(1)))
      await until(async () => (await processes[0]!.get()) === token(3))
      await getRepeatedly(processes, 600)
      t.equal(upstream.count, 3)
      t.strictSame(upstream.overlaps, [])
    },
  )

  t.test(`the clock of ${who} goes a day back and ahead again between two gets: one fetch each time`, async (t) => {
    const { upstream, processes, setClock } = await startMachine(t, count)
    t.strictSame([...(await gets(processes))], [token(1)])
    setClock(-DAY_MS)
    await gets(processes)
    await until(async () => (await processes[0]!.get()) === token(2))
    await getRepeatedly(processes, 600)
    t.equal(upstream.count, 2)
    setClock(0)
    t.strictSame([...(await gets(processes))], [token(3)])
    await getRepeatedly(processes, 600)
    t.equal(upstream.count, 3)
    t.strictSame(upstream.overlaps, [])
  })

  for (const [direction, offset] of [
    ['ahead', DAY_MS],
    ['back', -DAY_MS],
  ] as const) {
    t.test(
      `the clock of ${who} goes a day ${direction} in mid-fetch: the lifetime is whole, and nobody fetches again`,
      async (t) => {
        const { dir, upstream, processes, setClock } = await startMachine(t, count, { delay: 400 })
        const asked = upstream.asked()
        const answers = Promise.all(processes.map((process) => process.get()))
        await asked
        setClock(offset)
        t.strictSame([...new Set(await answers)], [token(1)])
        const { fetchedAt, expiresAt } = JSON.parse(readFileSync(join(dir, 'TOKEN.dog'), 'utf8'))
        const left = (expiresAt - (Date.now() + offset)) / 1000
        t.ok(left > 7200 - 60 && left <= 7200, `${left} s of 7200 are left`)
        t.equal(expiresAt - fetchedAt, 7_200_000)
        await getRepeatedly(processes, 600)
        t.equal(upstream.count, 1)
      },
    )

    // Failures are shared: three processes show what one does, and the back-off takes its time.
    if (count === 1) continue
    t.test(
      `the clock of ${who} goes a day ${direction} after a failure: no key is closed, and the upstream is not stormed`,
      async (t) => {
        const { upstream, processes, setClock } = await startMachine(t, count, { delay: 20 })
        upstream.failures = 1000
        for (const process of processes) await rejectionOf(process.get())
        t.equal(upstream.count, 1)
        setClock(offset)
        // By the new clock the failure is over, or from the future: one probe, and the back-off goes on from there.
        await getRepeatedly(processes, 500)
        t.ok(upstream.count <= 3, `${upstream.count} calls`)
        setClock(0)
        await getRepeatedly(processes, 500)
        t.ok(upstream.count <= 5, `${upstream.count} calls`)
        upstream.failures = 0
        // Far less than a day: a back-off of some seconds is all that may stand.
        await until(async () => (await processes[0]!.get().catch(() => '')) !== '')
        const { failure: left } = await processes[0]!.ask<{ failure?: unknown }>('status')
        t.equal(left, undefined)
      },
    )
  }

  t.test(`a quota of a day that ${who} used up on a wrong clock is not used up on the right one`, async (t) => {
    const { upstream, processes, setClock } = await startMachine(t, count, { key: { quota: { limit: 2, window: 86_400 } } })
    setClock(DAY_MS)
    const [first] = processes as [ControlledProcess]
    await first.get()
    await first.ask('refresh')
    t.match(await rejectionOf(first.ask('refresh')), { code: 'ERR_DOG_QUOTA' })
    setClock(0)
    await first.ask('refresh')
    t.equal(upstream.count, 3)
  })
}

t.test('one of three processes has a clock that goes a day ahead for a while: two fetches more, and then peace', async (t) => {
  const { upstream, processes } = await startMachine(t, 3)
  await gets(processes)
  const [odd, ...others] = processes as [ControlledProcess, ...ControlledProcess[]]
  await odd.ask('clock', DAY_MS)
  t.equal(await odd.get(), token(2))
  await odd.ask('clock', 0)
  await until(async () => (await others[0]!.get()) === token(3))
  await getRepeatedly(processes, 600)
  t.equal(upstream.count, 3)
})

t.test(
  'the clock goes a day back: a value is not served past its lifetime, although the clock says that it lives',
  async (t) => {
    const { upstream, processes, setClock } = await startMachine(t, 2, { delay: 20, expiresIn: 2 })
    await gets(processes)
    const fetchedAt = performance.now()
    upstream.failures = 1000
    setClock(-DAY_MS)
    // While it lives it is served, and the refresh that is due fails.
    await gets(processes)
    await until(() => performance.now() - fetchedAt > 2300)
    const served = await getRepeatedly(processes, 500)
    t.notOk(served.has(token(1)), [...served].join())
  },
)

t.test('the clock goes a day back: autoRefresh does not sleep for a day', async (t) => {
  const { upstream, processes, setClock } = await startMachine(t, 1, { delay: 20, expiresIn: 2, key: { autoRefresh: true } })
  await processes[0]!.get()
  upstream.failures = 2
  setClock(-DAY_MS)
  await until(() => upstream.count >= 4)
  t.pass('it goes on by itself')
})
