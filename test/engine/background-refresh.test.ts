import t from 'tap'
import type { Dog, Store } from '../../index.js'
import { countingFetcher, createTestDog, storeRecord } from '../support/test-dog.js'
import { pause } from '../support/timing.js'

/** A refresh that cannot help was tried, and warned of, over and over. */

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

/** Many times as long as a refresh that was lost keeps quiet. */
async function askOften(dog: Dog): Promise<void> {
  for (let i = 0; i < 75; i++) {
    if ((await dog.get('K')) !== 'v') throw new Error('the valid value is served')
    await pause(20)
  }
}

/** One fetch was made, and the quota is one: the value in the store is due, and nobody may fetch. */
async function spent(store: Store): Promise<void> {
  const lease = (await store.acquire('K', 30))!
  await lease.writeLedger({ fetches: { since: Date.now(), count: 1, last: lease.fencingToken } })
  await lease.release()
  await storeRecord(store, 'K', 'v', -50, 3600, { ahead: 3599 })
}

t.test('a due value whose quota is spent is warned of once, by autoRefresh', async (t) => {
  const { dog, store, warnings } = createTestDog(t)
  await spent(store)
  const fetcher = countingFetcher()
  dog.init('K', fetcher, { autoRefresh: true, quota: { limit: 1 } })
  await pause(1500)
  t.equal(fetcher.calls.count, 0)
  t.match(warnings, [{ key: 'K', code: 'ERR_DOG_QUOTA' }])
  t.equal(warnings.length, 1)
})

t.test('a due value whose quota is spent is warned of once, however often it is asked for', async (t) => {
  const { dog, store, warnings } = createTestDog(t)
  await spent(store)
  const fetcher = countingFetcher()
  dog.init('K', fetcher, { quota: { limit: 1 } })
  await askOften(dog)
  t.equal(fetcher.calls.count, 0)
  t.match(warnings, [{ key: 'K', code: 'ERR_DOG_QUOTA' }])
  t.equal(warnings.length, 1)
})

t.test('a due value whose refresh stands under a failure is warned of once', async (t) => {
  const { dog, store, warnings } = createTestDog(t)
  await storeRecord(store, 'K', 'v', -50, 3600, { ahead: 3599 })
  let fetches = 0
  dog.init('K', async () => {
    fetches++
    throw Object.assign(new Error('no'), { retryAfter: 60 })
  })
  await askOften(dog)
  t.equal(fetches, 1)
  t.match(warnings, [{ key: 'K', code: 'ERR_DOG_FETCH' }])
  t.equal(warnings.length, 1)
})
