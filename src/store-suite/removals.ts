import { strict as assert } from 'node:assert'
import { createDog, type Dog, type Store } from 'dotdog'
import { type Define, pause } from './helpers.js'

/** What `set` and `remove` mean for recorded failures and for late answers, through two dogs on two views of the store. */

/** A time-out that is over before the fetcher answers, and a wait after which its late answer was dealt with. */
const SHORT_TIMEOUT_S = 0.2
const LATE_COMMIT_MS = 500

export async function withDogs(stores: [Store, Store], body: (dog: Dog, other: Dog) => Promise<void>): Promise<void> {
  const [dog, other] = [createDog({ store: stores[0] }), createDog({ store: stores[1] })]
  try {
    await body(dog, other)
  } finally {
    await Promise.all([dog.close(), other.close()])
  }
}

/** Begins a fetch whose time-out passes. Returns the function that answers it all the same. */
export async function timeOut(dog: Dog, key: string): Promise<(value: string) => Promise<void>> {
  let answer!: (value: string) => void
  const value = new Promise<string>((resolve) => {
    answer = resolve
  })
  dog.init(key, async () => ({ value: await value, expiresIn: 60 }), { timeout: SHORT_TIMEOUT_S })
  await assert.rejects(dog.get(key), { code: 'ERR_DOG_FETCH_TIMEOUT' })
  return async (late) => {
    answer(late)
    await pause(LATE_COMMIT_MS)
  }
}

export function removalTests(define: Define): void {
  define('a value that is set ends a recorded failure and its back-off in every process', (store, other) =>
    withDogs([store, other], async (dog, otherDog) => {
      let login = 'revoked'
      const fetcher = async () => {
        if (login === 'revoked') throw Object.assign(new Error('invalid_grant'), { retryAfter: 3600 })
        return { value: 'of the new login', expiresIn: 60 }
      }
      for (const each of [dog, otherDog]) each.init('K', fetcher)
      await assert.rejects(dog.get('K'), { code: 'ERR_DOG_FETCH' })
      await assert.rejects(otherDog.get('K'), { code: 'ERR_DOG_FETCH' })
      login = 'renewed'
      await otherDog.set('K', 'pushed', { expiresIn: 0.1 })
      assert.equal((await store.readLedger('K'))?.failure, undefined)
      await pause(200)
      assert.equal(await dog.get('K'), 'of the new login')
    }),
  )

  define('a late answer is stored where nothing has happened since its fetch began', (store, other) =>
    withDogs([store, other], async (dog, otherDog) => {
      const answer = await timeOut(dog, 'K')
      await answer('rotated')
      assert.equal((await otherDog.read('K')).value, 'rotated')
    }),
  )

  define('a removal voids a late answer of a fetch that began before it, also if there was nothing to remove', (store, other) =>
    withDogs([store, other], async (dog, otherDog) => {
      const answer = await timeOut(dog, 'K')
      assert.equal(await otherDog.remove('K'), false)
      await answer('of the old login')
      assert.equal(await other.read('K'), undefined)
      assert.equal(dog.peek('K'), undefined)
    }),
  )

  define('a late answer never replaces a value that was set after its fetch began', (store, other) =>
    withDogs([store, other], async (dog, otherDog) => {
      const answer = await timeOut(dog, 'K')
      await otherDog.set('K', 'pushed', { expiresIn: 60 })
      await answer('of the old login')
      assert.equal((await other.read('K'))?.value, 'pushed')
      assert.equal(dog.peek('K')?.value, 'pushed')
    }),
  )
}
