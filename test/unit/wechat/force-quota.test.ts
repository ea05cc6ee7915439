// The quota of forced fetches on a simulated clock: 20 in any 24 hours and 30 s apart, counted over
// all processes.
import t from 'tap'
import type { FetchContext, Result } from '../../../index.js'
import { createForceQuota, type ForceTimes } from '../../../src/wechat/stable-token.js'

const START_MS = Date.parse('2026-03-01T00:00:00Z')
const HOUR_MS = 3_600_000

function createQuotaAt(start = START_MS) {
  let time = start
  let stored: unknown
  const quota = createForceQuota(30, () => time)
  /** A process takes a permit. It knows the other processes only by the stored value. */
  const take = (): Result<ForceTimes> => {
    const result = quota.fetcher({ previous: stored } as FetchContext<ForceTimes>) as Result<ForceTimes>
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
    quota,
    take,
    refused,
    wait: (ms: number) => (time += ms),
    now: () => time,
    store: (value: unknown) => (stored = value),
    stored: () => stored as ForceTimes,
  }
}

t.test('a permit lasts for the time-out of the request and 30 s more', async (t) => {
  const { take } = createQuotaAt()
  t.match(take(), { value: [START_MS], expiresIn: 60 })
})

t.test('two permits are at least 30 s apart', async (t) => {
  const { take, refused, wait } = createQuotaAt()
  take()
  t.equal(refused(), 30)
  wait(29_000)
  t.equal(refused(), 1)
  wait(1000)
  t.equal(take().value.length, 2)
})

t.test('the twenty-first permit is free a day after the first, not at midnight', async (t) => {
  const { take, refused, wait } = createQuotaAt(START_MS + 15 * HOUR_MS + 59 * 60_000)
  for (let i = 0; i < 20; i++) {
    take()
    wait(30_000)
  }
  // Midnight in Beijing has passed meanwhile.
  const left = refused()
  t.equal(left, 86_400 + 600 - 20 * 30)
  wait(left * 1000 - 1)
  t.ok(refused() <= 0.001)
  wait(1)
  t.equal(take().value.length, 20)
  t.equal(refused(), 30)
})

t.test('at most twenty permits are given in any 24 hours, for any distribution of requests', async (t) => {
  const { take, wait, now } = createQuotaAt()
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
  t.ok(made.length > 200, `${made.length} in ${Math.round((now() - START_MS) / HOUR_MS)} hours`)
  for (let i = 1; i < made.length; i++) t.ok(made[i]! - made[i - 1]! >= 30_000)
  for (let i = 20; i < made.length; i++) t.ok(made[i]! - made[i - 20]! >= 24 * HOUR_MS)
})

t.test('a permit from the future, by a wrong clock, counts as one of now', async (t) => {
  const { take, refused, store, wait } = createQuotaAt()
  store([START_MS + 900 * HOUR_MS])
  t.equal(refused(), 30)
  store(Array(20).fill(START_MS + 900 * HOUR_MS))
  t.equal(refused(), 87_000)
  store([START_MS - 40_000, START_MS + 900 * HOUR_MS])
  wait(1000)
  refused()
  store([START_MS - 40_000])
  t.equal(take().value.length, 2)
})

t.test('a damaged record counts as no permits', async (t) => {
  for (const value of [undefined, null, 'x', { a: 1 }, [null, 'x', {}]]) {
    const { take, store } = createQuotaAt()
    store(value)
    t.same(take().value, [START_MS])
  }
})

t.test('only a fetch that succeeds counts as a permit of this process', async (t) => {
  const { quota, take, refused } = createQuotaAt()
  t.equal(quota.permitsTaken, 0)
  take()
  t.equal(quota.permitsTaken, 1)
  refused()
  t.equal(quota.permitsTaken, 1)
})

t.test('the quota of the key limits permits too, so that a deleted record does not reset the count', async (t) => {
  t.match(createForceQuota(30).options, { quota: { limit: 20, window: 87_000 }, autoRefresh: false, refreshAhead: 0 })
})
