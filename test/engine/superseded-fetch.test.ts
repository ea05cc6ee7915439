// What keeps other processes from fetching beside a fetcher whose key its own process has removed.
import t from 'tap'
import type { Lease, Store } from '../../index.js'
import { rejectionOf } from '../support/errors.js'
import { createDog, createTestDog, memoryStore, nextEvent, overriding } from '../support/test-dog.js'
import { deferred, pause, until } from '../support/timing.js'

t.test('The time that a fetcher has for another key outlives a removal of its own key', async (t) => {
  const store = memoryStore()
  const extended: number[] = []
  const spying = overriding(store, {
    acquire: async (key: string, timeout: number) => {
      const lease = await store.acquire(key, timeout)
      const extend = lease?.extend.bind(lease)
      if (lease === undefined) return undefined
      lease.extend = async (seconds) => {
        extended.push(seconds)
        await extend!(seconds)
      }
      return lease
    },
  })
  const dog = createDog({ store: spying, timeout: 5 })
  t.teardown(() => dog.close())
  const hold = deferred()
  const begun = deferred()
  dog.init('OTHER', async () => {
    begun.resolve()
    await hold.promise
    return { value: 'other', expiresIn: 60 }
  })
  dog.init('K', async ({ get }) => ({ value: await get('OTHER'), expiresIn: 60 }))
  await dog.set('K', 'old', { expiresIn: 60 })
  const got = dog.refresh('K')
  await begun.promise
  await dog.remove('K')
  t.ok(extended.length >= 2, 'the lease that was taken again is extended as well')
  t.ok(extended.at(-1)! > 5, `${extended}`)
  hold.resolve()
  t.equal(await got, 'other')
})

t.test('A lease that another process was faster to take is taken again as soon as it is free', async (t) => {
  const store = memoryStore()
  let stolen: Lease | undefined
  let isStealing = false
  const contended: Store = overriding(store, {
    acquire: async (key: string, timeout: number) => {
      if (isStealing) {
        isStealing = false
        stolen = await store.acquire(key, timeout)
      }
      return await store.acquire(key, timeout)
    },
  })
  const dog = createDog({ store: contended, timeout: 5 })
  const other = createDog({ store, timeout: 5 })
  t.teardown(() => Promise.all([dog.close(), other.close()]))
  const hold = deferred()
  const begun = deferred()
  let running = 0
  let most = 0
  const fetcher = async () => {
    most = Math.max(most, ++running)
    begun.resolve()
    await hold.promise
    running--
    return { value: 'v', expiresIn: 60 }
  }
  for (const one of [dog, other]) one.init('K', fetcher)
  await dog.set('K', 'old', { expiresIn: 60 })
  const got = dog.refresh('K')
  await begun.promise
  isStealing = true
  await dog.remove('K')
  t.ok(stolen)
  await stolen!.release()
  await until(async () => (await store.holder!('K')) !== undefined, { what: 'the lease is held again' })
  const others = other.get('K')
  await pause(100)
  hold.resolve()
  await Promise.all([got, others])
  t.equal(most, 1)
})

t.test('What a removal inside a fetch leaves can be deleted: it voids every number that was drawn', async (t) => {
  const { dog, store } = createTestDog(t)
  dog.init('K', async () => {
    await dog.remove('K')
    throw new Error('invalid_grant')
  })
  await rejectionOf(dog.get('K'))
  const { fetches, voidUpTo } = (await store.readLedger('K'))!
  t.ok(voidUpTo! >= fetches.last, `${voidUpTo} ${fetches.last}`)
})

t.test('A listener that a fetcher of another key woke may wait for that key', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('T', async () => ({ value: 't', expiresIn: 60 }))
  dog.init('K', async ({ get }) => {
    const value = await get('T')
    await pause(50)
    return { value: `k of ${value}`, expiresIn: 60 }
  })
  const refreshed = nextEvent(dog, 'refresh').then(() => dog.get('K'))
  t.equal(await dog.get('K'), 'k of t')
  t.equal(await refreshed, 'k of t')
})

t.test('A key that waits for the value of another is not backed off because a third one had used it', async (t) => {
  const { dog } = createTestDog(t)
  await dog.set('T', 'dead', { expiresIn: 60 })
  const hold = deferred()
  dog.init('T', async () => {
    await hold.promise
    throw Object.assign(new Error('T is down'), { retryAfter: 3600 })
  })
  dog.init('USER', ({ use }) =>
    use('T', () => {
      throw Object.assign(new Error('40001'), { code: 'ERR_DOG_REJECTED' })
    }),
  )
  dog.init('READER', async ({ get }) => ({ value: await get('T'), expiresIn: 60 }))
  const user = rejectionOf(dog.get('USER'))
  await pause(50)
  await dog.remove('T').catch(() => {})
  const reader = rejectionOf(dog.get('READER'))
  await pause(50)
  hold.resolve()
  await Promise.all([user, reader])
  await dog.set('T', 'good', { expiresIn: 60 })
  t.equal(await dog.get('READER'), 'good')
})
