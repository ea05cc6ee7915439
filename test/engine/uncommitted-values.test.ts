// Values that were fetched while the store accepts no commit, also late or after the lease was
// lost. Such a value may be the only valid one that exists.
import t from 'tap'
import type { DogRecord, Store } from '../../index.js'
import { rejectionOf } from '../support/errors.js'
import {
  countingFetcher,
  createDog,
  createTestDog,
  DogError,
  heldFetcher,
  memoryStore,
  overriding,
  storeOnFullDisk,
} from '../support/test-dog.js'
import { pause, until } from '../support/timing.js'

/**
 * A dog once waited for a change from a value that only its memory had. The store never had that
 * value, so each wait ended at once.
 */
t.test('A dog with a value that could not be stored waits for another holder without a busy loop', async (t) => {
  const inner = memoryStore()
  let fails = true
  const failing = storeOnFullDisk(inner, () => fails)
  const mine = createDog({ store: failing })
  const theirs = createDog({ store: inner })
  t.teardown(() => Promise.all([mine.close(), theirs.close()]))
  mine.init('K', async () => ({ value: 'not stored', expiresIn: 3600 }))
  let asked = () => {}
  const isAsked = new Promise<void>((resolve) => (asked = resolve))
  theirs.init('K', async () => {
    asked()
    await pause(200)
    return { value: 'theirs', expiresIn: 3600 }
  })
  t.equal(await mine.get('K'), 'not stored')
  const refreshed = theirs.refresh('K')
  await isAsked
  fails = false
  let turns = 0
  const timer = setInterval(() => turns++, 10)
  t.equal(await mine.refresh('K', { rejected: 'not stored' }), 'theirs')
  clearInterval(timer)
  t.equal(await refreshed, 'theirs')
  t.ok(turns > 1, 'the event loop went on meanwhile')
})

/** A store whose every call fails while `broken.is` is true. */
function breakableStore(): { store: Store; broken: { is: boolean } } {
  const inner = memoryStore()
  const broken = { is: false }
  const check = () => {
    if (broken.is) throw new DogError('ERR_DOG_STORE', 'the store is broken')
  }
  const store = overriding(inner, {
    read: (key) => {
      check()
      return inner.read(key)
    },
    acquire: async (key, timeout) => {
      check()
      return await inner.acquire(key, timeout)
    },
  })
  return { store, broken }
}

t.test('A late answer that cannot be stored is served, and written once the store works again', async (t) => {
  const { store, broken } = breakableStore()
  const { dog, another, warnings } = createTestDog(t, { store })
  const hold = heldFetcher()
  dog.init('K', hold.fetcher, { timeout: 0.1 })
  t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_FETCH_TIMEOUT' })
  broken.is = true
  hold.release()
  await until(() => warnings.length > 0)
  t.match(warnings, [{ key: 'K', code: 'ERR_DOG_STORE', message: /not stored yet/ }])
  t.equal(await dog.get('K'), 'late')
  broken.is = false
  await until(async () => (await dog.get('K')) === 'late' && (await store.read('K'))?.value === 'late')
  t.equal(await another().get('K'), 'late')
  t.equal(hold.calls, 1)
})

t.test('A late answer that cannot be stored gives way to a later value in the store', async (t) => {
  const { store, broken } = breakableStore()
  const { dog, another, warnings } = createTestDog(t, { store })
  const hold = heldFetcher()
  dog.init('K', hold.fetcher, { timeout: 0.1 })
  await rejectionOf(dog.get('K'))
  await another().set('K', 'newer', { expiresIn: 60 })
  t.equal(await dog.get('K'), 'newer')
  broken.is = true
  hold.release()
  await until(() => warnings.length > 0)
  t.equal(await dog.get('K'), 'newer')
  broken.is = false
  await pause(150)
  t.equal(await dog.get('K'), 'newer')
  await pause(1100)
  t.equal(await dog.get('K'), 'newer')
  t.equal((await store.read('K'))?.value, 'newer')
})

t.test('A holder that lost its lease while the store failed still serves the value it fetched', async (t) => {
  const { store: inner, broken } = breakableStore()
  // The commit finds that another holder has taken the lease.
  const store = overriding(inner, {
    acquire: async (key: string, timeout: number) => {
      const lease = await inner.acquire(key, timeout)
      const commit = async (record: DogRecord | undefined) => {
        if (calls > 1 || written) return await lease!.commit(record)
        broken.is = true
        await lease!.release()
        return false
      }
      return lease && overriding(lease, { commit })
    },
  })
  const { dog } = createTestDog(t, { store })
  let calls = 0
  let written = false
  dog.init('K', () => ({ value: `v${++calls}`, expiresIn: 60 }))
  t.equal(await dog.get('K'), 'v1')
  broken.is = false
  written = true
  await until(async () => (await dog.get('K')) === 'v1' && (await store.read('K'))?.value === 'v1')
  t.equal(calls, 1)
})

t.test('A value that could not be stored leaves no wait for another holder behind', async (t) => {
  const inner = memoryStore()
  let waiting = 0
  let isFull = true
  const full = storeOnFullDisk(inner, () => isFull)
  const store = overriding(full, {
    waitForChange: async (...args) => {
      waiting++
      await full.waitForChange(...args)
      waiting--
    },
  })
  const dog = createDog({ store })
  t.teardown(() => dog.close())
  dog.init('K', countingFetcher())
  t.equal(await dog.get('K'), 'v1')
  isFull = false
  const lease = (await inner.acquire('K', 30))!
  for (const end = Date.now() + 2500; Date.now() < end; await pause(50)) t.equal(await dog.get('K'), 'v1')
  t.equal(waiting, 0)
  await lease.release()
  await until(async () => (await dog.get('K')) === 'v1' && (await inner.read('K'))?.value === 'v1')
})
