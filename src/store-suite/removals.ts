import { strict as assert } from 'node:assert'
import { createDog, type Dog, type Store } from 'dotdog'
import { acquireFree, commitValue, type Define, eventually, pause, removalLedger, type StoreSupports } from './helpers.js'

/** What `set` and `remove` mean for recorded failures and for late answers, through two dogs on two views of the store. */

/** A time-out that is over before the fetcher answers, and a wait after which its late answer was dealt with. */
const SHORT_TIMEOUT_S = 0.2
const LATE_COMMIT_MS = 500

async function withDogs(stores: [Store, Store], body: (dog: Dog, other: Dog) => Promise<void>): Promise<void> {
  const [dog, other] = [createDog({ store: stores[0] }), createDog({ store: stores[1] })]
  try {
    await body(dog, other)
  } finally {
    await Promise.all([dog.close(), other.close()])
  }
}

/** Begins a fetch whose time-out passes. Returns the function that answers it all the same. */
async function timeOut(dog: Dog, key: string): Promise<(value: string) => Promise<void>> {
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

export function removalTests(define: Define, supports: StoreSupports): void {
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

  if (!supports.deletesLedgers) return

  define('the ledger of a removed key is deleted when its time is over', async (store, other) => {
    await commitValue(store, 'K', 1)
    const lease = await acquireFree(store)
    await lease.writeLedger(removalLedger(lease.fencingToken, Date.now() + 50))
    await lease.commit(undefined)
    assert.ok(await other.readLedger('K'))
    // A store deletes it at the next chance, which is a fetch of any key.
    await eventually(async () => {
      await commitValue(store, 'OTHER', 1)
      return (await other.readLedger('K')) === undefined || undefined
    })
    const next = await acquireFree(other)
    assert.ok(next.fencingToken > lease.fencingToken)
    await next.release()
  })

  define('a late answer that finds neither a record nor a ledger that knows it is not stored', (store, other) =>
    withDogs([store, other], async (dog) => {
      const answer = await timeOut(dog, 'K')
      const lease = await acquireFree(other)
      await lease.writeLedger(removalLedger(lease.fencingToken, Date.now() + 50))
      await lease.commit(undefined)
      await eventually(async () => {
        await commitValue(other, 'OTHER', 1)
        return (await store.readLedger('K')) === undefined || undefined
      })
      await answer('of the old login')
      assert.equal(await other.read('K'), undefined)
    }),
  )

  define('the ledger of a removed key that is used again is kept', async (store, other) => {
    const removed = await acquireFree(store)
    await removed.writeLedger(removalLedger(removed.fencingToken, Date.now() + 50))
    await removed.commit(undefined)
    const lease = await acquireFree(other)
    const ledger = {
      ...removalLedger(removed.fencingToken, Date.now() + 50),
      fetches: { since: 1, count: 4, last: lease.fencingToken },
    }
    await lease.writeLedger(ledger)
    await lease.release()
    const until = performance.now() + 1500
    while (performance.now() < until) {
      await commitValue(store, 'OTHER', 1)
      await pause(100)
    }
    assert.deepEqual(await store.readLedger('K'), ledger)
  })
}
