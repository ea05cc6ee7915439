import t from 'tap'
import type { Dog, Store } from '../../index.js'
import { countingFetcher, createTestDog, storeRecord } from '../support/test-dog.js'
import { pause } from '../support/timing.js'

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
  const { dog, store, warnings } = createTestDog(t)
  await storeRecord(store, 'K', 'v', -50, 3600, { ahead: 3599 })
  let fetches = 0
  dog.init('K', async () => {
    fetches++
    throw Object.assign(new Error('no'), { retryAfter: 60 })
  })
  await getOften(dog)
  t.equal(fetches, 1)
  t.match(warnings, [{ key: 'K', code: 'ERR_DOG_FETCH' }])
  t.equal(warnings.length, 1)
})
