// The wall clock goes a day ahead or back under running processes.
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
    `When the clock of ${who} goes a day ahead and back between gets, each jump costs one fetch, and no expired value is served`,
    async (t) => {
      const { upstream, processes, setClock } = await startMachine(t, count)
      t.strictSame([...(await gets(processes))], [token(1)])
      setClock(DAY_MS)
      t.strictSame([...(await gets(processes))], [token(2)], 'the first value has expired by this clock')
      setClock(0)
      // By this clock the record is from the future: it is served, and replaced.
      const served = await gets(processes)
      t.notOk(served.has(token(1)))
      await until(async () => (await processes[0]!.get()) === token(3))
      await getRepeatedly(processes, 600)
      t.equal(upstream.count, 3)
      t.strictSame(upstream.overlaps, [])
    },
  )

  t.test(`When the clock of ${who} goes a day back and ahead again between gets, each jump costs one fetch`, async (t) => {
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
      `When the clock of ${who} goes a day ${direction} during a fetch, the value keeps its full lifetime, and no second fetch is made`,
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

    // All processes share a failure, so that three show what one does. The back-off takes its time.
    if (count === 1) continue
    t.test(
      `When the clock of ${who} goes a day ${direction} after a failure, no key is blocked, and the upstream gets few calls`,
      async (t) => {
        const { upstream, processes, setClock } = await startMachine(t, count, { delay: 20 })
        upstream.failures = 1000
        for (const process of processes) await rejectionOf(process.get())
        t.equal(upstream.count, 1)
        setClock(offset)
        // By the new clock the failure is over, or from the future. One process tries again, and
        // the back-off continues from there.
        await getRepeatedly(processes, 500)
        t.ok(upstream.count <= 3, `${upstream.count} calls`)
        setClock(0)
        await getRepeatedly(processes, 500)
        t.ok(upstream.count <= 5, `${upstream.count} calls`)
        upstream.failures = 0
        // Far less than a day: only a back-off of some seconds may stand.
        await until(async () => (await processes[0]!.get().catch(() => '')) !== '')
        const { failure: left } = await processes[0]!.ask<{ failure?: unknown }>('status')
        t.equal(left, undefined)
      },
    )
  }

  t.test(`A daily quota that ${who} used up with a wrong clock is not used up with the right one`, async (t) => {
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

t.test(
  'When the clock of one of three processes goes a day ahead for a while, two more fetches are made, and then none',
  async (t) => {
    const { upstream, processes } = await startMachine(t, 3)
    await gets(processes)
    const [wrong, ...others] = processes as [ControlledProcess, ...ControlledProcess[]]
    await wrong.ask('clock', DAY_MS)
    t.equal(await wrong.get(), token(2))
    await wrong.ask('clock', 0)
    await until(async () => (await others[0]!.get()) === token(3))
    await getRepeatedly(processes, 600)
    t.equal(upstream.count, 3)
  },
)

t.test(
  'When the clock goes a day back, a value is not served past its lifetime although the clock says it is valid',
  async (t) => {
    const { upstream, processes, setClock } = await startMachine(t, 2, { delay: 20, expiresIn: 2 })
    await gets(processes)
    const fetchedAt = performance.now()
    upstream.failures = 1000
    setClock(-DAY_MS)
    // The value is served while it is valid, and the refresh that is due fails.
    await gets(processes)
    await until(() => performance.now() - fetchedAt > 2300)
    const served = await getRepeatedly(processes, 500)
    t.notOk(served.has(token(1)), [...served].join())
  },
)

t.test('When the clock goes a day back, autoRefresh does not sleep for a day', async (t) => {
  const { upstream, processes, setClock } = await startMachine(t, 1, { delay: 20, expiresIn: 2, key: { autoRefresh: true } })
  await processes[0]!.get()
  upstream.failures = 2
  setClock(-DAY_MS)
  await until(() => upstream.count >= 4)
  t.pass('autoRefresh continues by itself')
})
