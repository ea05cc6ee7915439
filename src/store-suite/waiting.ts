import { strict as assert } from 'node:assert'
import type { Lease } from 'dotdog'
import { commit, type Define, eventually, LONG, ledgerOf, pause, recordOf, taken } from './helpers.js'

/** Who waits is woken, and who holds for too long loses the lease. */
export function waiting(define: Define): void {
  define('settled resolves at once if the record is not the one that was seen, or nobody holds the lease', async (store) => {
    const record = await commit(store, 'K', 1)
    const { signal } = new AbortController()
    await store.settled('K', record.generation, signal)
    const lease = await taken(store)
    await store.settled('K', undefined, signal)
    await store.settled('K', record.generation - 1, signal)
    await lease.release()
  })

  const ends: [string, (lease: Lease, leave: () => void) => unknown][] = [
    ['a commit', (lease) => lease.commit(recordOf('K', lease.number, 2))],
    ['a release', (lease) => lease.release()],
    ['an abort', (_lease, leave) => leave()],
  ]
  for (const [title, end] of ends) {
    define(`settled waits while the lease is held, until ${title}`, async (store, other) => {
      const record = await commit(store, 'K', 1)
      const lease = await taken(store)
      const aborter = new AbortController()
      let isOver = false
      const waits = [store, other, other].map((by) => by.settled('K', record.generation, aborter.signal))
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
    const first = await commit(store, 'K', 'first')
    const slow = await taken(store, 'K', 0.05)
    await other.settled('K', first.generation, new AbortController().signal)
    const successor = await eventually(() => other.take('K', LONG))
    assert.ok(slow.age() > 50, 'not before its time-out is over')
    assert.ok(successor.number > slow.number)
    assert.equal(typeof successor.displaced, 'string')

    assert.equal(slow.signal.aborted || !slow.held(), true)
    await slow.note({ ...ledgerOf(slow.number), lost: true })
    assert.equal(await other.ledger('K'), undefined)
    assert.equal(await slow.commit(recordOf('K', slow.number, 'too late')), false)
    assert.deepEqual(await other.read('K'), first)
    await slow.release()

    assert.equal(successor.held(), true)
    assert.equal(await store.take('K', LONG), undefined)
    const record = recordOf('K', successor.number, 'second')
    assert.equal(await successor.commit(record), true)
    assert.deepEqual(await store.read('K'), record)
  })

  define('a lease that was extended is not overdue before that', async (store, other) => {
    // First: when the other one is overdue, so would this one be.
    const extended = await taken(store, 'EXTENDED', 0.05)
    await extended.extend(LONG)
    const short = await taken(store, 'SHORT', 0.05)
    const robber = await eventually(() => other.take('SHORT', LONG))
    assert.equal(await other.take('EXTENDED', LONG), undefined)
    assert.equal(extended.held(), true)
    assert.equal(short.held() && !short.signal.aborted, false)
    await Promise.all([robber.release(), extended.release()])
  })
}
