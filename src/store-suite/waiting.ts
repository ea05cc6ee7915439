import { strict as assert } from 'node:assert'
import type { Lease } from 'dotdog'
import { acquireFree, commitValue, type Define, eventually, LONG_TIMEOUT_S, ledgerOf, pause, recordOf } from './helpers.js'

/** Who waits is woken, and who holds for too long loses the lease. */
export function waitingTests(define: Define): void {
  define('settled resolves at once if the record is not the one that was seen, or nobody holds the lease', async (store) => {
    const record = await commitValue(store, 'K', 1)
    const { signal } = new AbortController()
    await store.waitForChange('K', record.generation, signal)
    const lease = await acquireFree(store)
    await store.waitForChange('K', undefined, signal)
    await store.waitForChange('K', record.generation - 1, signal)
    await lease.release()
  })

  const ends: [string, (lease: Lease, leave: () => void) => unknown][] = [
    ['a commit', (lease) => lease.commit(recordOf('K', lease.fencingToken, 2))],
    ['a release', (lease) => lease.release()],
    ['an abort', (_lease, leave) => leave()],
  ]
  for (const [title, end] of ends) {
    define(`settled waits while the lease is held, until ${title}`, async (store, other) => {
      const record = await commitValue(store, 'K', 1)
      const lease = await acquireFree(store)
      const aborter = new AbortController()
      let isOver = false
      const waits = [store, other, other].map((by) => by.waitForChange('K', record.generation, aborter.signal))
      const over = Promise.race(waits).then(() => (isOver = true))
      // Time for many looks: a wait that ends by itself ends here.
      await pause(150)
      assert.equal(isOver, false)
      await end(lease, () => aborter.abort())
      await Promise.all([over, ...waits])
      await lease.release()
    })
  }

  define('a holder that is overdue loses its lease, and cannot harm its successor', async (store, other) => {
    const first = await commitValue(store, 'K', 'first')
    const slow = await acquireFree(store, 'K', 0.05)
    await other.waitForChange('K', first.generation, new AbortController().signal)
    const successor = await eventually(() => other.acquire('K', LONG_TIMEOUT_S))
    assert.ok(slow.ageMs() > 50, 'not before its time-out is over')
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

  define('a lease that was extended is not overdue before that', async (store, other) => {
    // First: when the other one is overdue, so would this one be.
    const extended = await acquireFree(store, 'EXTENDED', 0.05)
    await extended.extend(LONG_TIMEOUT_S)
    const short = await acquireFree(store, 'SHORT', 0.05)
    const robber = await eventually(() => other.acquire('SHORT', LONG_TIMEOUT_S))
    assert.equal(await other.acquire('EXTENDED', LONG_TIMEOUT_S), undefined)
    assert.equal(extended.isHeld(), true)
    assert.equal(short.isHeld() && !short.signal.aborted, false)
    await Promise.all([robber.release(), extended.release()])
  })
}
