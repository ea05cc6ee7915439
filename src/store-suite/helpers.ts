import { strict as assert } from 'node:assert'
import type { DogRecord, Lease, Ledger, Store } from 'dotdog'

/** What the tests of the suite share. Knows nothing of what they prove. */

/** One empty store under test. */
export interface StoreFixture {
  store: Store
  /**
   * A second store on the same data, as another process would have. For a store in memory it may be
   * the same object.
   */
  open(): Promise<Store>
  close(): Promise<void>
}

/** What a store can do. The suite leaves out the tests of what it cannot. */
export interface StoreSupports {
  /**
   * `false`: values are written and fetched elsewhere, as on a central server. Then `store` is the
   * one that they are written to, `open()` returns the store under test, and the other side has a
   * fetcher for the key `FETCHED`. Default true.
   */
  leases?: boolean
  /** `holder()` names the process that has a lease. Default false. */
  holder?: boolean
  /** `watch()` notifies of changes. Default false. */
  watch?: boolean
  /** A store that is opened later has what was stored before. Default false. */
  persistent?: boolean
  /** The ledger of a removed key is deleted when its `keepUntil` is over. Default false. */
  deletesLedgers?: boolean
}

/** Defines one test. `other` is a second view of the same store, as another process would have. */
export type Define = (title: string, body: (store: Store, other: Store, fixture: StoreFixture) => Promise<void>) => void

/** A time-out long enough that no lease becomes overdue while a test runs. */
export const LONG_TIMEOUT_S = 30
/**
 * `eventually` gives up after this time. A living holder with a tiny time-out keeps its lease for a
 * grace of 2 s; the rest is room for a busy machine.
 */
const EVENTUALLY_TIMEOUT_MS = 20_000

/** A record. A store must keep every field of it. */
export function recordOf(key: string, generation: number, value: unknown = `value ${generation}`): DogRecord {
  return { key, value, fetchedAt: 1_763_650_000_000, expiresAt: 4_102_444_800_000, ahead: 300, generation }
}

/**
 * Asserts that the store has the record (`undefined`: none). A store without leases is notified of
 * a change instead of reading it, and so has the record after a moment.
 */
export async function assertReads(store: Store, key: string, record: DogRecord | undefined, { leases = true }: StoreSupports) {
  if (leases) return assert.deepEqual(await store.read(key), record)
  await eventually(async () => (await store.read(key))?.generation === record?.generation || undefined)
  const found = await store.read(key)
  if (record === undefined) return assert.equal(found, undefined)
  const { value, expiresAt, generation } = record
  assert.deepEqual(found, { ...found, key, value, expiresAt, generation })
}

export const ledgerOf = (last: number): Ledger => ({ fetches: { since: 1_763_650_000_000, count: 3, last } })

/** The ledger of a key whose removal had this fencing token. */
export const removalLedger = (fencingToken: number, keepUntil: number): Ledger => ({
  ...ledgerOf(fencingToken),
  voidUpTo: fencingToken,
  keepUntil,
})

/** Takes a lease that nobody has. */
export async function acquireFree(store: Store, key = 'K', timeout = LONG_TIMEOUT_S): Promise<Lease> {
  const lease = await store.acquire(key, timeout)
  assert.ok(lease, `the lease of ${key} is free`)
  return lease
}

/** Takes the lease of a key and commits a value. Returns its record. */
export async function commitValue(store: Store, key: string, value: unknown): Promise<DogRecord> {
  const lease = await acquireFree(store, key)
  const record = recordOf(key, lease.fencingToken, value)
  assert.equal(await lease.commit(record), true)
  return record
}

export async function keysIn(store: Store): Promise<string[]> {
  const keys: string[] = []
  for await (const key of store.keys()) keys.push(key)
  return keys.sort()
}

/** What a task returns, or what it throws. */
export async function resultOrError<T>(task: () => T | Promise<T>): Promise<T | Error> {
  try {
    return await task()
  } catch (error) {
    return error as Error
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Repeats a task until it returns something, and returns that. */
export async function eventually<T>(task: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const end = performance.now() + EVENTUALLY_TIMEOUT_MS
  for (;;) {
    const found = await task()
    if (found !== undefined) return found
    assert.ok(performance.now() < end, 'the task returns something in time')
    await pause(20)
  }
}
