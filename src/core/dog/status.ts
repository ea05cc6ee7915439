import type { KeyStatus, Store } from '../../../index.js'
import type { Memory } from '../fetch/memory.js'
import { assertOwner } from '../fetch/ownership.js'
import { DogError } from '../model/errors.js'
import { stateOf } from '../model/freshness.js'
import type { KeyConfig } from '../model/options.js'
import { currentWindow } from '../model/quota.js'
import { now } from '../shared/clock.js'

/** What can be said of a key without its value. */
export async function statusOf(key: string, store: Store, config: KeyConfig, memory?: Memory): Promise<KeyStatus> {
  const status: KeyStatus = { key, state: 'missing', fetches: 0, store: store.name }
  if (store.dir !== undefined) status.dir = store.dir
  if (config.quota !== undefined) status.quota = config.quota.limit
  try {
    const stored = await store.read(key)
    const record = memory?.unwritten ?? stored
    if (record !== undefined) {
      assertOwner(record, store, config)
      const { expiresAt, fetchedAt, generation, by, identity } = record
      const dueAt = expiresAt - record.ahead * 1000
      Object.assign(status, { state: stateOf(record, now()), expiresAt, dueAt, fetchedAt, generation })
      if (by !== undefined) status.by = by
      if (identity !== undefined) status.identity = identity
    }
    const ledger = await store.readLedger(key)
    status.fetches = currentWindow(ledger, now(), config.window).count
    if (ledger?.failure !== undefined) status.failure = { ...ledger.failure }
    const holder = await store.holder?.(key)
    if (holder !== undefined) status.holder = holder.name
  } catch (error) {
    if (!(error instanceof DogError)) throw error
    status.state = 'unreadable'
    status.failure = { at: now(), count: 1, retryAt: now(), code: error.code, message: error.message }
  }
  return status
}
