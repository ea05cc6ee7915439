import { strict as assert } from 'node:assert'
import type { DogRecord, Lease, Ledger, Store } from 'dotdog'

/** What the suite's tests have in common. Knows nothing of what they prove. */

/** One store under test, with nothing in it. */
export interface StoreFixture {
  store: Store
  /** A second store on the same data, as another process would have; for a store in memory it may be the same object. */
  open(): Promise<Store>
  close(): Promise<void>
}

export interface StoreSupports {
  /**
   * `false`: values are written and fetched elsewhere. Then `store` is the one they are written to, `open()` gives the one under
   * test, and the other side has a fetcher for the key `FETCHED`. Default true.
   */
  leases?: boolean
  /** `holder()` names who has a lease. */
  holder?: boolean
  /** `watch()` tells of changes. */
  watch?: boolean
  /** What is stored is there for a store opened later. */
  persistent?: boolean
}

export interface StoreSuiteOptions {
  /** A runner's test function: node:test's `test`, or tap's `t.test`. */
  test: (title: string, body: (context: unknown) => Promise<void>) => unknown
  factory: () => Promise<StoreFixture>
  supports?: StoreSupports
}

/** Defines one test; `other` is a second view of the same store. */
export type Define = (title: string, body: (store: Store, other: Store, fixture: StoreFixture) => Promise<void>) => void

/** Seconds: long enough for no lease to become overdue while a test runs. */
export const LONG_TIMEOUT_S = 30
/** Milliseconds until a living holder of a tiny time-out must have lost its lease: the grace of 2 s, and room for a busy machine. */
const PATIENCE = 20_000

/** A record whose every field a store must keep. */
export function recordOf(key: string, generation: number, value: unknown = `value ${generation}`): DogRecord {
  return { key, value, fetchedAt: 1_763_650_000_000, expiresAt: 4_102_444_800_000, ahead: 300, generation }
}

/** That the store has what was written. One that is told of changes, instead of looking, has it after a moment. */
export async function assertReads(store: Store, key: string, record: DogRecord | undefined, { leases = true }: StoreSupports) {
  if (leases) return assert.deepEqual(await store.read(key), record)
  await eventually(async () => (await store.read(key))?.generation === record?.generation || undefined)
  const found = await store.read(key)
  if (record === undefined) return assert.equal(found, undefined)
  const { value, expiresAt, generation } = record
  assert.deepEqual(found, { ...found, key, value, expiresAt, generation })
}

export const ledgerOf = (last: number): Ledger => ({ fetches: { since: 1_763_650_000_000, count: 3, last } })

export async function acquireFree(store: Store, key = 'K', timeout = LONG_TIMEOUT_S): Promise<Lease> {
  const lease = await store.acquire(key, timeout)
  assert.ok(lease, `the lease of ${key} is free`)
  return lease
}

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

export async function resultOrError<T>(task: () => T | Promise<T>): Promise<T | Error> {
  try {
    return await task()
  } catch (error) {
    return error as Error
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What a task gives as soon as it gives something. */
export async function eventually<T>(task: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const end = performance.now() + PATIENCE
  for (;;) {
    const found = await task()
    if (found !== undefined) return found
    assert.ok(performance.now() < end, 'it happens in time')
    await pause(20)
  }
}
