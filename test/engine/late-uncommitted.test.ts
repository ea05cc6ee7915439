// An answer that comes late, or after a robbery, while the store takes nothing: it may be the only good value there is.
import t from 'tap'
import type { DogRecord, Store } from '../../index.js'
import { rejectionOf } from '../support/errors.js'
import { createTestDog, DogError, heldFetcher, memoryStore, overriding } from '../support/test-dog.js'
import { pause, until } from '../support/timing.js'

/** A store that can be out of order altogether. */
function brittle(): { store: Store; broken: { is: boolean } } {
  const inner = memoryStore()
  const broken = { is: false }
  const check = () => {
    if (broken.is) throw new DogError('ERR_DOG_STORE', 'out of order')
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

t.test('a late answer that the store does not take is served, and written when it can be', async (t) => {
  const { store, broken } = brittle()
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

t.test('a late answer that the store does not take gives way to a later value that it has', async (t) => {
  const { store, broken } = brittle()
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

t.test('who was robbed and finds the store out of order has the value all the same', async (t) => {
  const { store: inner, broken } = brittle()
  // The commit finds that somebody else has taken over.
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
