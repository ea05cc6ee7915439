import type { DogRecord, Lease, Store } from '../../../index.js'
import { describeFailure } from '../model/failure.js'
import type { FetchResult } from '../model/fetch-result.js'
import type { KeyConfig } from '../model/options.js'
import { now, pause } from '../shared/clock.js'
import { unknownFields } from '../shared/format.js'
import { hostname } from '../shared/hostname.js'
import type { KeyEnvironment } from './fetch-events.js'
import { Memory } from './memory.js'
import { assertOwner } from './ownership.js'

/** After this many values in a row that were over on arrival, the clock is suspected. */
const MAX_OVER_ON_ARRIVAL = 3

/** Milliseconds before an acquisition that failed for no visible reason is tried again. */
export const RETRY_DELAY_MS = 2

/** What a write of this process stored; no record: it removed the key. */
export interface Written {
  record: DogRecord | undefined
}

/** Stores something under a lease. Resolves to undefined if the lease was lost: then nothing was written. */
export type WriteUnderLease = (lease: Lease, fencingToken: number) => Promise<Written | undefined>

/** A fetch that a write need not wait for. */
export interface Supersedable {
  /** Writes under the fetch's lease. Resolves to undefined if the write must take a lease of its own. */
  write(commit: WriteUnderLease): Promise<Written | undefined>
}

/**
 * One key in its store, together with what this process remembers of it. Reads, adopts and writes
 * records. It does not know when a value should be fetched.
 */
export class StoredKey {
  /** The fetch whose fetcher runs in this process. */
  runningFetch: Supersedable | undefined
  /** Calls that have waited, or wait, for a fetch of this key. */
  waitingCalls = 0
  /** The values in a row that were over when they were fetched. */
  #overOnArrival = 0

  constructor(
    readonly key: string,
    readonly store: Store,
    public config: KeyConfig,
    readonly environment: KeyEnvironment,
    readonly memory = new Memory(),
  ) {}

  /** What the store has (or has just brought), or a newer value that it could not take. */
  read(brought?: DogRecord): DogRecord | undefined | Promise<DogRecord | undefined> {
    if (brought !== undefined) return this.memory.isOlderThanKnown(brought) ? this.memory.record : this.adopt(brought)
    const found = this.store.read(this.key)
    if (!(found instanceof Promise)) return this.adopt(found)
    const before = this.memory.record
    return found.then((record) => (this.memory.isOlderThanKnown(record, before) ? this.memory.record : this.adopt(record)))
  }

  /**
   * Remembers a record that the store has, and reports a change.
   *
   * @throws DogError if the record is another account's, or no encryption key opens it.
   */
  adopt(found: DogRecord | undefined): DogRecord | undefined {
    if (found !== undefined && found !== this.memory.record) assertOwner(found, this.store, this.config)
    const { record, changed } = this.memory.adopt(found)
    if (changed) this.environment.events.onChanged(this.key, record)
    return record
  }

  acquire(): Promise<Lease | undefined> {
    return this.store.acquire(this.key, this.config.timeout)
  }

  /** The lease as soon as it is free, for writes that are no fetch. */
  async acquireWhenFree(deadline: AbortSignal): Promise<Lease> {
    for (;;) {
      const lease = await this.acquire()
      if (lease !== undefined) return lease
      const record = await this.store.read(this.key)
      if ((await this.store.holder?.(this.key)) === undefined) await pause(RETRY_DELAY_MS)
      await this.store.waitForChange(this.key, record?.generation, deadline)
      deadline.throwIfAborted()
    }
  }

  /**
   * Whether a fencing token as high as the lease's was used since it was drawn. Then the lease's token
   * orders nothing, and another one must be drawn.
   */
  async isFencingTokenUsed(lease: Lease): Promise<boolean> {
    const ledger = await this.store.readLedger(this.key)
    const record = await this.store.read(this.key)
    return Math.max(record?.generation ?? 0, ledger?.fetches.last ?? 0) >= lease.fencingToken
  }

  recordOf(result: FetchResult, generation: number, previous: DogRecord | undefined): DogRecord {
    const { identity } = this.config
    const by = `${hostname()}:${process.pid}`
    return { ...unknownFields(previous), key: this.key, ...result, generation, ...(identity !== undefined && { identity }), by }
  }

  /**
   * Warns when one value after the other is over when it arrives: each call fetches then, and a wrong
   * clock is the usual cause. A lifetime of 0 says so on purpose.
   */
  checkArrival({ fetchedAt, expiresAt }: DogRecord): void {
    const isOver = expiresAt <= now() && expiresAt !== fetchedAt
    this.#overOnArrival = isOver ? this.#overOnArrival + 1 : 0
    if (this.#overOnArrival !== MAX_OVER_ON_ARRIVAL) return
    const times = `it ended at ${new Date(expiresAt).toISOString()}, and the clock here says ${new Date(now()).toISOString()}`
    const what = `The value of "${this.key}" was over when it arrived, ${MAX_OVER_ON_ARRIVAL} times in a row`
    this.#report('ERR_DOG_FETCH_RESULT', `${what}: ${times}. Is the clock of this machine right?`)
  }

  /**
   * Keeps a value that the store does not take: it lives on in memory and is written when the store
   * takes it. Returns the newer of it and what is known.
   */
  keepUnwritten(record: DogRecord, error: unknown): DogRecord {
    const { message } = describeFailure(this.key, error)
    this.#report('ERR_DOG_STORE', `The new value of "${this.key}" is not stored yet: ${message}`)
    return this.memory.keepUnwritten(record)
  }

  /** Reports an error that no caller is told of. */
  warn(error: unknown): void {
    const { code, message } = describeFailure(this.key, error)
    this.#report(code, message)
  }

  #report(code: string, message: string): void {
    this.environment.events.onWarning(this.key, code, message)
  }
}
