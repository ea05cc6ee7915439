import { strict as assert } from 'node:assert'
import type { Lease } from 'dotdog'
import { acquireFree, commitValue, type Define, eventually, LONG_TIMEOUT_S, ledgerOf, pause, recordOf } from './helpers.js'

/** A waiter is woken, and a holder that is overdue loses its lease. */
export function waitingTests(define: Define): void {
  define(
    'waitForChange resolves at once if the record is not the one that was seen, or nobody holds the lease',
    async (store) => {
      const record = await commitValue(store, 'K', 1)
      const { signal } = new AbortController()
      await store.waitForChange('K', record.generation, signal)
      const lease = await acquireFree(store)
      await store.waitForChange('K', undefined, signal)
      await store.waitForChange('K', record.generation - 1, signal)
      await lease.release()
    },
  )

  const ends: [string, (lease: Lease, leave: () => void) => unknown][] = [
    ['a commit', (lease) => lease.commit(recordOf('K', lease.fencingToken, 2))],
    ['a release', (lease) => lease.release()],
    ['an abort', (_lease, leave) => leave()],
  ]
  for (const [title, end] of ends) {
    define(`waitForChange waits while the lease is held, until ${title}`, async (store, other) => {
      const record = await commitValue(store, 'K', 1)
      const lease = await acquireFree(store)
      const aborter = new AbortController()
      let isAnyOver = false
      const waits = [store, other, other].map((view) => view.waitForChange('K', record.generation, aborter.signal))
      const firstOver = Promise.race(waits).then(() => (isAnyOver = true))
      // Enough time for many polls: a wait that ends by itself ends here.
      await pause(150)
      assert.equal(isAnyOver, false)
      await end(lease, () => aborter.abort())
      await Promise.all([firstOver, ...waits])
      await lease.release()
    })
  }

  define('an overdue holder loses its lease, and cannot affect its successor', async (store, other) => {
    const first = await commitValue(store, 'K', 'first')
    const slow = await acquireFree(store, 'K', 0.05)
    await other.waitForChange('K', first.generation, new AbortController().signal)
    const successor = await eventually(() => other.acquire('K', LONG_TIMEOUT_S))
    assert.ok(slow.ageMs() > 50, 'the holder keeps the lease until its time-out is over')
    assert.ok(successor.fencingToken > slow.fencingToken)
    assert.equal(typeof successor.evicted, 'string')

    assert.equal(slow.signal.aborted || !slow.isHeld(), true)
    await slow.writeLedger({ ...ledgerOf(slow.fencingToken), lost: true })
    assert.equal(await other.readLedger('K'), undefined)
    assert.equal(await slow.commit(recordOf('K', slow.fencingToken, 'too late')), false)
    assert.deepEqual(await other.read('K'), first)
    await slow.release()

    assert.equal(successor.isHeld(), true)
    assert.equal(await store.acquire('K', LONG_TIMEOUT_S), undefined)
    const record = recordOf('K', successor.fencingToken, 'second')
    assert.equal(await successor.commit(record), true)
    assert.deepEqual(await store.read('K'), record)
  })

  define('an extended lease is not overdue before its extension ends', async (store, other) => {
    // Acquired first, so that without the extension it would be overdue when the other one is.
    const extended = await acquireFree(store, 'EXTENDED', 0.05)
    await extended.extend(LONG_TIMEOUT_S)
    const short = await acquireFree(store, 'SHORT', 0.05)
    const successor = await eventually(() => other.acquire('SHORT', LONG_TIMEOUT_S))
    assert.equal(await other.acquire('EXTENDED', LONG_TIMEOUT_S), undefined)
    assert.equal(extended.isHeld(), true)
    assert.equal(short.isHeld() && !short.signal.aborted, false)
    await Promise.all([successor.release(), extended.release()])
  })
}
