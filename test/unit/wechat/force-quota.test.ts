// The ration of forced refreshes, over a clock that is given: 20 in any 24 hours, 30 s apart, whoever makes them.
import t from 'tap'
import type { FetchContext, Result } from '../../../index.js'
import { createForceQuota, type ForceTimes } from '../../../src/wechat/stable-token.js'

const T0 = Date.parse('2026-03-01T00:00:00Z')
const HOUR = 3_600_000

function rationAt(start = T0) {
  let time = start
  let stored: unknown
  const ration = createForceQuota(30, () => time)
  /** A process takes a place. The stored value is all that it knows of the others. */
  const take = (): Result<ForceTimes> => {
    const result = ration.fetcher({ previous: stored } as FetchContext<ForceTimes>) as Result<ForceTimes>
    stored = JSON.parse(JSON.stringify(result.value))
    return result
  }
  const refused = (): number => {
    try {
      take()
    } catch (error) {
      return (error as { retryAfter: number }).retryAfter
    }
    throw new Error('was not refused')
  }
  return {
    ration,
    take,
    refused,
    wait: (ms: number) => (time += ms),
    now: () => time,
    store: (value: unknown) => (stored = value),
    stored: () => stored as ForceTimes,
  }
}

t.test('a place lasts until a request that is as slow as may be has surely arrived, and 30 s more', async (t) => {
  const { take } = rationAt()
  t.match(take(), { value: [T0], expiresIn: 60 })
})

t.test('two places are 30 s apart, also where somebody asks for the key by force', async (t) => {
  const { take, refused, wait } = rationAt()
  take()
  t.equal(refused(), 30)
  wait(29_000)
  t.equal(refused(), 1)
  wait(1000)
  t.equal(take().value.length, 2)
})

t.test('the twenty-first waits until the first is a day ago, and not for a calendar', async (t) => {
  const { take, refused, wait } = rationAt(T0 + 15 * HOUR + 59 * 60_000)
  for (let i = 0; i < 20; i++) {
    take()
    wait(30_000)
  }
  // Midnight in Beijing went by meanwhile.
  const left = refused()
  t.equal(left, 86_400 + 600 - 20 * 30)
  wait(left * 1000 - 1)
  t.ok(refused() <= 0.001)
  wait(1)
  t.equal(take().value.length, 20)
  t.equal(refused(), 30)
})

t.test('in no 24 hours are there more than twenty, however the asking is spread', async (t) => {
  const { take, wait, now } = rationAt()
  const made: number[] = []
  let seed = 7
  for (let i = 0; i < 20_000; i++) {
    seed = (seed * 48_271) % 2_147_483_647
    wait(seed % 120_000)
    try {
      take()
      made.push(now())
    } catch {}
  }
  t.ok(made.length > 200, `${made.length} in ${Math.round((now() - T0) / HOUR)} hours`)
  for (let i = 1; i < made.length; i++) t.ok(made[i]! - made[i - 1]! >= 30_000)
  for (let i = 20; i < made.length; i++) t.ok(made[i]! - made[i - 20]! >= 24 * HOUR)
})

t.test('a place from the future, of a clock that was wrong, counts as one of now', async (t) => {
  const { take, refused, store, wait } = rationAt()
  store([T0 + 900 * HOUR])
  t.equal(refused(), 30)
  store(Array(20).fill(T0 + 900 * HOUR))
  t.equal(refused(), 87_000)
  store([T0 - 40_000, T0 + 900 * HOUR])
  wait(1000)
  refused()
  store([T0 - 40_000])
  t.equal(take().value.length, 2)
})

t.test('a damaged value is an empty one', async (t) => {
  for (const value of [undefined, null, 'x', { a: 1 }, [null, 'x', {}]]) {
    const { take, store } = rationAt()
    store(value)
    t.same(take().value, [T0])
  }
})

t.test('only a fetch that succeeds is a place of this process', async (t) => {
  const { ration, take, refused } = rationAt()
  t.equal(ration.permitsTaken, 0)
  take()
  t.equal(ration.permitsTaken, 1)
  refused()
  t.equal(ration.permitsTaken, 1)
})

t.test('the ledger counts them too, so that a deleted record does not open the day again', async (t) => {
  t.match(createForceQuota(30).options, { quota: { limit: 20, window: 87_000 }, autoRefresh: false, refreshAhead: 0 })
})
