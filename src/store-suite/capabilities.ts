import { strict as assert } from 'node:assert'
import { acquireFree, commitValue, type Define, eventually, ledgerOf, pause, recordOf, type StoreSupports } from './helpers.js'

/** What only some stores can do: each test runs if the store supports it. */
export function capabilityTests(define: Define, supports: StoreSupports): void {
  define('the declared capabilities are exactly the optional members that the store has', async (store) => {
    const optional = ['holder', 'watch', 'refresh', 'onWarning', 'path', 'forget'] as const
    const members = optional.filter((name) => typeof store[name] === 'function')
    assert.deepEqual([...store.capabilities].sort(), [...members].sort())
  })

  if (supports.holder) {
    define('holder() names the holder of a lease while there is one', async (store, other) => {
      assert.equal(await other.holder!('K'), undefined)
      const lease = await acquireFree(store)
      const holder = await other.holder!('K')
      assert.equal(holder?.fencingToken, lease.fencingToken)
      assert.match(holder!.name, /:\d+$/)
      assert.equal(await other.holder!('L'), undefined)
      await lease.release()
      assert.equal(await other.holder!('K'), undefined)
      await commitValue(store, 'K', 1)
      assert.equal(await other.holder!('K'), undefined)
    })
  }

  if (supports.watch) {
    define('a watcher is notified of every change by another process until it stops', async (store, other) => {
      const notified: string[] = []
      // Some stores notify only of keys that were read.
      for (const key of ['K', 'LAST']) await other.read(key)
      const stop = other.watch!((key) => void notified.push(key))
      // A watcher may take a while to begin, so the key changes until the watcher is notified.
      await eventually(async () => {
        await commitValue(store, 'K', notified.length)
        return notified.includes('K') || undefined
      })
      await (await acquireFree(store)).commit(undefined)
      await commitValue(store, 'LAST', 1)
      await eventually(() => notified.includes('LAST') || undefined)
      stop()
      notified.length = 0
      await commitValue(store, 'K', 'after the watch')
      await pause(150)
      assert.deepEqual(notified, [])
    })
  }

  if (supports.persistent) {
    define('a store that is opened later has the record and the ledger', async (store, _other, fixture) => {
      const lease = await acquireFree(store)
      await lease.writeLedger(ledgerOf(lease.fencingToken))
      const record = recordOf('K', lease.fencingToken)
      await lease.commit(record)
      await store.close()
      const later = await fixture.open()
      assert.deepEqual(await later.read('K'), record)
      assert.deepEqual(await later.readLedger('K'), ledgerOf(lease.fencingToken))
      const next = await acquireFree(later)
      assert.ok(next.fencingToken > lease.fencingToken)
      await next.release()
    })
  }
}
