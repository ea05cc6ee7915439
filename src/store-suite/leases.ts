import { strict as assert } from 'node:assert'
import type { Lease, Store } from 'dotdog'
import { acquireFree, commitValue, type Define, LONG_TIMEOUT_S, ledgerOf, recordOf } from './helpers.js'

/**
 * One holder at a time, fencing tokens that order the holders, and commits that only the holder can
 * make.
 */
export function leaseTests(define: Define): void {
  define('a lease that is held cannot be acquired by anybody else', async (store, other) => {
    const lease = await acquireFree(store)
    assert.equal(await store.acquire('K', LONG_TIMEOUT_S), undefined)
    assert.equal(await other.acquire('K', LONG_TIMEOUT_S), undefined)
    assert.equal(await other.acquire('K', 0.001), undefined, 'also not for a shorter time')
    const leaseOfOtherKey = await other.acquire('L', LONG_TIMEOUT_S)
    assert.ok(leaseOfOtherKey, 'the lease of another key is independent')
    await leaseOfOtherKey.release()
    await lease.release()
    await (await acquireFree(other)).release()
  })

  define('if many acquire a lease at the same time, exactly one gets it', async (store, other) => {
    for (let round = 0; round < 5; round++) {
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, i) => (i % 2 ? store : other).acquire('K', LONG_TIMEOUT_S)),
      )
      const won = results.filter((lease) => lease !== undefined)
      assert.equal(won.length, 1)
      await won[0]!.release()
    }
  })

  define('a commit releases the lease in the same step', async (store, other) => {
    await commitValue(store, 'K', 1)
    const lease = await acquireFree(other)
    assert.equal(lease.evicted, undefined)
    await lease.release()
  })

  define('fencing tokens grow across releases, commits, removals and processes', async (store, other) => {
    let last = 0
    const assertGrows = async (view: Store, end: (lease: Lease) => Promise<unknown>) => {
      const lease = await acquireFree(view)
      assert.ok(Number.isSafeInteger(lease.fencingToken))
      assert.ok(lease.fencingToken > last, `${lease.fencingToken} after ${last}`)
      last = lease.fencingToken
      await end(lease)
    }
    const attempt = async (lease: Lease) => {
      await lease.writeLedger(ledgerOf(lease.fencingToken))
      await lease.release()
    }
    for (let round = 0; round < 3; round++) {
      await assertGrows(store, attempt)
      await assertGrows(other, attempt)
      await assertGrows(store, (lease) => lease.release())
      await assertGrows(store, (lease) => lease.commit(recordOf('K', lease.fencingToken)))
      await assertGrows(other, (lease) => lease.commit(recordOf('K', lease.fencingToken)))
      await assertGrows(store, async (lease) => {
        await lease.writeLedger(ledgerOf(lease.fencingToken))
        await lease.commit(undefined)
      })
      assert.equal(await other.read('K'), undefined)
      await assertGrows(other, attempt)
    }
  })

  define('a fencing token is higher than the generation of the record, whoever wrote the record', async (store, other) => {
    const lease = await acquireFree(store)
    const generation = lease.fencingToken + 1000
    await lease.commit(recordOf('K', generation))
    const next = await acquireFree(other)
    assert.ok(next.fencingToken > generation)
    await next.release()
  })

  define('a removal deletes the record and keeps the ledger', async (store, other) => {
    await commitValue(store, 'K', 1)
    const lease = await acquireFree(store)
    const ledger = ledgerOf(lease.fencingToken)
    await lease.writeLedger(ledger)
    assert.equal(await lease.commit(undefined), true)
    assert.equal(await other.read('K'), undefined)
    assert.deepEqual(await other.readLedger('K'), ledger)
    assert.equal(await (await acquireFree(other)).commit(undefined), true, 'removing a missing record succeeds')
  })

  define('a released lease writes nothing any more', async (store, other) => {
    const first = await commitValue(store, 'K', 1)
    const lease = await acquireFree(store)
    await lease.release()
    assert.equal(lease.isHeld(), false)
    assert.equal(await lease.commit(recordOf('K', lease.fencingToken, 2)), false)
    assert.equal(await lease.commit(undefined), false)
    await lease.writeLedger(ledgerOf(lease.fencingToken))
    assert.deepEqual(await other.read('K'), first)
    assert.equal(await other.readLedger('K'), undefined)
  })

  define('a second commit writes nothing', async (store, other) => {
    const lease = await acquireFree(store)
    const record = recordOf('K', lease.fencingToken, 1)
    await lease.commit(record)
    assert.equal(lease.isHeld(), false)
    assert.equal(await lease.commit(recordOf('K', lease.fencingToken, 2)), false)
    assert.deepEqual(await other.read('K'), record)
  })

  define('a second release, or one after a commit, does not affect the next holder', async (store, other) => {
    const lease = await acquireFree(store)
    await lease.release()
    await lease.release()
    const committed = await acquireFree(store)
    await committed.commit(recordOf('K', committed.fencingToken))
    const next = await acquireFree(other)
    await lease.release()
    await committed.release()
    assert.equal(next.isHeld(), true)
    assert.equal(await store.acquire('K', LONG_TIMEOUT_S), undefined)
    await next.release()
  })

  define('every process reads the ledger that was written last', async (store, other) => {
    const lease = await acquireFree(store)
    const details = { errcode: 40164, ip: '203.0.113.9', hintZh: '白名单', list: [1, null, { deep: true }] }
    const times = { at: 1_763_650_000_000, retryAt: 1_763_650_002_000 }
    const failure = { ...times, count: 2, code: 'ERR_DOG_FETCH', message: 'no', details, later: { version: 2 } }
    const ledgerWithFailure = { ...ledgerOf(lease.fencingToken), failure }
    await lease.writeLedger(ledgerOf(lease.fencingToken))
    await lease.writeLedger(ledgerWithFailure)
    assert.deepEqual(await other.readLedger('K'), ledgerWithFailure)
    await lease.release()
    assert.deepEqual(await other.readLedger('K'), ledgerWithFailure)
    const next = await acquireFree(other)
    await next.writeLedger(ledgerOf(next.fencingToken))
    assert.deepEqual(await store.readLedger('K'), ledgerOf(next.fencingToken))
    await next.release()
  })

  define('a lease reports its age and that it is held, and can be extended', async (store) => {
    const lease = await acquireFree(store)
    const age = lease.ageMs()
    assert.ok(age >= 0 && age < LONG_TIMEOUT_S * 1000)
    assert.ok(lease.ageMs() >= age)
    assert.equal(lease.isHeld(), true)
    assert.equal(lease.signal.aborted, false)
    await lease.extend(10)
    assert.equal(lease.isHeld(), true)
    assert.ok(lease.ageMs() >= age, 'an extension does not reset the age')
    assert.equal(await lease.commit(recordOf('K', lease.fencingToken)), true)
  })
}
