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

/** A list of this length is sorted in a few milliseconds. */
const MAX_SORTED_AT_ONCE = 4000

/** Sorts by key, piece by piece. `turn` is awaited between the pieces. */
export async function sortedByKey(all: KeyStatus[], turn: () => Promise<void> | undefined): Promise<KeyStatus[]> {
  let runs: KeyStatus[][] = []
  for (let from = 0; from < all.length; from += MAX_SORTED_AT_ONCE) {
    runs.push(all.slice(from, from + MAX_SORTED_AT_ONCE).sort((a, b) => (a.key < b.key ? -1 : 1)))
    await turn()
  }
  while (runs.length > 1) {
    const merged: KeyStatus[][] = []
    for (let at = 0; at < runs.length; at += 2) merged.push(await merge(runs[at]!, runs[at + 1] ?? [], turn))
    runs = merged
  }
  return runs[0] ?? []
}

async function merge(a: KeyStatus[], b: KeyStatus[], turn: () => Promise<void> | undefined): Promise<KeyStatus[]> {
  const merged: KeyStatus[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (j === b.length || (i < a.length && a[i]!.key < b[j]!.key)) merged.push(a[i++]!)
    else merged.push(b[j++]!)
    if (merged.length % MAX_SORTED_AT_ONCE === 0) await turn()
  }
  return merged
}
