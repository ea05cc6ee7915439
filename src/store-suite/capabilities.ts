import { strict as assert } from 'node:assert'
import { acquireFree, commitValue, type Define, eventually, ledgerOf, pause, recordOf, type StoreSupports } from './helpers.js'

/** What only some stores can do. */
export function capabilityTests(define: Define, supports: StoreSupports): void {
  if (supports.holder) {
    define('the holder is named while there is one', async (store, other) => {
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
    define('a watcher is told of every change by another process, until it stops', async (store, other) => {
      const told: string[] = []
      // Some tell only of what was asked for.
      for (const key of ['K', 'LAST']) await other.read(key)
      const stop = other.watch!((key) => void told.push(key))
      // A watcher may take a while to begin: until it tells, the key changes again.
      await eventually(async () => {
        await commitValue(store, 'K', told.length)
        return told.includes('K') || undefined
      })
      await (await acquireFree(store)).commit(undefined)
      await commitValue(store, 'LAST', 1)
      await eventually(() => told.includes('LAST') || undefined)
      stop()
      told.length = 0
      await commitValue(store, 'K', 'unheard')
      await pause(150)
      assert.deepEqual(told, [])
    })
  }

  if (supports.persistent) {
    define('what is stored is there for who opens the store later', async (store, _other, fixture) => {
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
