import { strict as assert } from 'node:assert'
import { createDog } from 'dotdog'
import { acquireFree, commitValue, type Define, eventually, pause, removalLedger } from './helpers.js'
import { timeOut, withDogs } from './removals.js'

/** The ledger of a removed key is deleted in time, unless the key is used again. */
export function deletedLedgerTests(define: Define): void {
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

  define('the ledger of a removed key is deleted in time also after a lease that changed nothing', (store, other) =>
    withDogs([store, other], async (dog) => {
      const answer = await timeOut(dog, 'LATE')
      for (const key of ['LATE', 'FREED']) {
        const lease = await acquireFree(other, key)
        await lease.writeLedger(removalLedger(lease.fencingToken, Date.now() + 2000))
        await lease.commit(undefined)
      }
      await answer('of the old login')
      await (await acquireFree(store, 'FREED')).release()
      for (const key of ['LATE', 'FREED']) {
        await eventually(async () => {
          await commitValue(other, 'OTHER', 1)
          return (await store.readLedger(key)) === undefined || undefined
        })
      }
    }),
  )

  define('a late answer is not stored where the key was removed, forgotten, and used again without a value', (store, other) =>
    withDogs([store, other], async (dog) => {
      const answer = await timeOut(dog, 'K')
      const lease = await acquireFree(other)
      await lease.writeLedger(removalLedger(lease.fencingToken, Date.now() + 50))
      await lease.commit(undefined)
      await eventually(async () => {
        await commitValue(other, 'OTHER', 1)
        return (await store.readLedger('K')) === undefined || undefined
      })
      const otherDog = createDog({ store: other })
      otherDog.init('K', () => Promise.reject(new Error('the login is gone')))
      await assert.rejects(otherDog.get('K'), { code: 'ERR_DOG_FETCH' })
      await otherDog.close()
      await answer('of the old login')
      assert.equal(await other.read('K'), undefined)
    }),
  )

  define('the ledger of a removed key is kept for its time, and also if the key is used again', async (store, other) => {
    const early = await acquireFree(store, 'EARLY')
    const hourLater = removalLedger(early.fencingToken, Date.now() + 3_600_000)
    await early.writeLedger(hourLater)
    await early.commit(undefined)
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
    assert.deepEqual(await store.readLedger('EARLY'), hourLater)
  })
}
