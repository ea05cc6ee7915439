import t from 'tap'
import type { Dog, Store } from '../../index.js'
import { rejectionOf } from '../support/errors.js'
import { countingFetcher, createTestDog, storeRecord } from '../support/test-dog.js'
import { pause, until } from '../support/timing.js'

/**
 * Background refreshes that cannot help, which were once tried, and warned about, over and over.
 */

t.test('autoRefresh does not fetch a value without a lifetime in a loop', async (t) => {
  const { dog } = createTestDog(t)
  let fetches = 0
  dog.init(
    'K',
    (handler) => {
      fetches++
      handler('v')
    },
    { autoRefresh: true },
  )
  t.equal(await dog.get('K'), 'v')
  await pause(1500)
  t.equal(fetches, 1)
})

/** Calls `get` for many times the span in which a failed background refresh is not repeated. */
async function getOften(dog: Dog): Promise<void> {
  for (let i = 0; i < 75; i++) {
    if ((await dog.get('K')) !== 'v') throw new Error('the valid value was not served')
    await pause(20)
  }
}

/** The stored value is due, one fetch was made, and the quota is one, so that nobody may fetch. */
async function useUpQuota(store: Store): Promise<void> {
  const lease = (await store.acquire('K', 30))!
  await lease.writeLedger({ fetches: { since: Date.now(), count: 1, last: lease.fencingToken } })
  await lease.release()
  await storeRecord(store, 'K', 'v', -50, 3600, { ahead: 3599 })
}

t.test('autoRefresh warns once about a due value whose quota is used up', async (t) => {
  const { dog, store, warnings } = createTestDog(t)
  await useUpQuota(store)
  const fetcher = countingFetcher()
  dog.init('K', fetcher, { autoRefresh: true, quota: { limit: 1 } })
  await pause(1500)
  t.equal(fetcher.calls.count, 0)
  t.match(warnings, [{ key: 'K', code: 'ERR_DOG_QUOTA' }])
  t.equal(warnings.length, 1)
})

t.test('However often a due value whose quota is used up is read, one warning is emitted', async (t) => {
  const { dog, store, warnings } = createTestDog(t)
  await useUpQuota(store)
  const fetcher = countingFetcher()
  dog.init('K', fetcher, { quota: { limit: 1 } })
  await getOften(dog)
  t.equal(fetcher.calls.count, 0)
  t.match(warnings, [{ key: 'K', code: 'ERR_DOG_QUOTA' }])
  t.equal(warnings.length, 1)
})

t.test('A due value whose refresh is blocked by a recorded failure causes one warning', async (t) => {
  const { dog, store, warnings, another } = createTestDog(t)
  await storeRecord(store, 'K', 'v', -50, 3600, { ahead: 3650 })
  let fetches = 0
  const fetcher = async () => {
    fetches++
    throw Object.assign(new Error('no'), { retryAfter: 60 })
  }
  const other = another()
  other.init('K', fetcher)
  await rejectionOf(other.refresh('K'))
  dog.init('K', fetcher)
  await getOften(dog)
  t.equal(fetches, 1)
  t.match(warnings, [{ key: 'K', code: 'ERR_DOG_FETCH' }])
  t.equal(warnings.length, 1)
})

t.test('autoRefresh replaces a value before its expiry even if nobody asks for it', async (t) => {
  const { dog } = createTestDog(t)
  const fetcher = countingFetcher({ expiresIn: 0.6, refreshAhead: 0.3 })
  dog.init('K', fetcher, { autoRefresh: true })
  await dog.get('K')
  await until(() => fetcher.calls.count >= 4)
  await dog.close()
  const { count } = fetcher.calls
  await pause(700)
  t.equal(fetcher.calls.count, count, 'close ends autoRefresh')
})

t.test('autoRefresh fetches nothing at init, and later replaces a value that is already due', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'DUE', 'due', -100, 5)
  const [missing, due] = [countingFetcher(), countingFetcher()]
  dog.init('MISSING', missing, { autoRefresh: true })
  dog.init('DUE', due, { autoRefresh: true })
  t.equal(due.calls.count, 0)
  await until(() => due.calls.count === 1)
  t.equal(missing.calls.count, 0)
})

t.test('autoRefresh continues after a failure', async (t) => {
  const { dog } = createTestDog(t)
  const failures: unknown[] = []
  dog.on('failure', (failure) => failures.push(failure))
  let calls = 0
  dog.init(
    'K',
    () => {
      if (++calls === 2) throw Object.assign(new Error('down'), { retryAfter: 0.1 })
      return { value: `v${calls}`, expiresIn: calls === 1 ? 2 : 60, refreshAhead: 1 }
    },
    { autoRefresh: true },
  )
  await dog.get('K')
  await until(() => calls >= 3)
  t.equal(await dog.get('K'), 'v3')
  t.equal(failures.length, 1)
  t.match(failures[0], { key: 'K', code: 'ERR_DOG_FETCH' })
})

t.test('Of two dogs with autoRefresh only one fetches each time', async (t) => {
  const { dog, another } = createTestDog(t, { autoRefresh: true })
  const fetcher = countingFetcher({ expiresIn: 0.8, refreshAhead: 0.4 }, 20)
  const other = another()
  for (const one of [dog, other]) one.init('K', fetcher)
  const generations = new Set<number>()
  for (const one of [dog, other]) one.on('refresh', ({ generation }) => generations.add(generation))
  await Promise.all([dog.get('K'), other.get('K')])
  await until(() => fetcher.calls.count >= 4)
  await Promise.all([dog.close(), other.close()])
  t.equal(fetcher.calls.count, generations.size)
})
