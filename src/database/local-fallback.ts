import { DogError, type DogRecord, type Lease, type Ledger, memoryStore, type Store } from 'dotdog'
import { monotonic, now } from '../core/shared/clock.js'
import { ForwardingLease } from '../core/shared/forwarding-lease.js'
import { CircuitBreaker } from './circuit-breaker.js'
import type { StoreWarning } from './store.js'

/**
 * Seconds that a lease may take whose only purpose is to hand a value over or to reserve a token.
 */
const SHORT_LEASE_TIMEOUT_S = 5

/**
 * A store in a database that continues in this process's memory while the database is down, for
 * users who would rather fetch once in each process than not at all. When the database is back, a
 * value that was fetched meanwhile is handed over if it is the newer one. As soon as the database
 * has held a value as new as that, the local value is discarded for good, even if the database
 * loses or removes what it had.
 */
export class LocalFallbackStore implements Store {
  readonly #database: Store
  readonly #local = memoryStore()
  /** The record of each key as it was last read from the database, or written there. */
  readonly #lastDatabaseRecords = new Map<string, DogRecord | undefined>()
  /** The highest generation seen in the database, by key. Only a local record above it counts. */
  readonly #minFencingTokens = new Map<string, number>()
  readonly #keysBeingHandedOver = new Set<string>()
  readonly #circuitBreaker = new CircuitBreaker()
  readonly #warningListeners = new Set<(warning: StoreWarning) => void>()
  #isClosed = false

  constructor(database: Store) {
    this.#database = database
  }

  get name(): string {
    return this.#database.name
  }

  get capabilities() {
    return this.#database.capabilities
  }

  onWarning(listener: (warning: StoreWarning) => void): void {
    this.#warningListeners.add(listener)
    this.#database.onWarning?.(listener)
  }

  async read(key: string): Promise<DogRecord | undefined> {
    const databaseRecord = await this.#withFallback(
      key,
      async () => {
        const record = await this.#database.read(key)
        this.#lastDatabaseRecords.set(key, record)
        if (record !== undefined) this.#raiseMinFencingToken(key, record.generation)
        return record
      },
      () => this.#lastDatabaseRecords.get(key),
    )
    const localRecord = await this.#local.read(key)
    if (localRecord === undefined || localRecord.generation <= this.#minFencingToken(key)) return databaseRecord
    if (!this.#circuitBreaker.isDown) this.#handOver(key, localRecord).catch(() => {})
    return localRecord
  }

  #minFencingToken(key: string): number {
    return this.#minFencingTokens.get(key) ?? 0
  }

  #raiseMinFencingToken(key: string, fencingToken: number): void {
    this.#minFencingTokens.set(key, Math.max(this.#minFencingToken(key), fencingToken))
  }

  /** Writes a local record to the database, unless that has a newer one. */
  async #handOver(key: string, record: DogRecord): Promise<void> {
    if (this.#keysBeingHandedOver.has(key)) return
    this.#keysBeingHandedOver.add(key)
    try {
      const lease = await this.#acquireRemote(key, SHORT_LEASE_TIMEOUT_S)
      if (lease === undefined) return
      try {
        const newest = await this.#database.read(key)
        // What was removed after this value was fetched is not brought back.
        const voidUpTo = (await this.#database.readLedger(key))?.voidUpTo ?? 0
        const minFencingToken = Math.max(newest?.generation ?? 0, voidUpTo)
        if (minFencingToken < record.generation) await lease.commit(record)
        else this.#raiseMinFencingToken(key, minFencingToken)
      } finally {
        await lease.release()
      }
    } finally {
      this.#keysBeingHandedOver.delete(key)
    }
  }

  readLedger(key: string): Promise<Ledger | undefined> {
    return this.#withFallback(
      key,
      // A fetch that began in an outage is counted here alone.
      async () => (await this.#database.readLedger(key)) ?? (await this.#local.readLedger(key)),
      async () => await this.#local.readLedger(key),
    )
  }

  acquire(key: string, timeout: number): Promise<Lease | undefined> {
    return this.#withFallback(
      key,
      () => this.#acquireRemote(key, timeout),
      (outage) => this.#acquireLocal(key, timeout, outage),
    )
  }

  /**
   * A lease within this process only. Its commit of a removal fails with the error of the outage.
   */
  async #acquireLocal(key: string, timeout: number, outage: DogError): Promise<Lease | undefined> {
    if (!(await this.#reserveFencingToken(key))) return undefined
    const lease = await this.#local.acquire(key, timeout)
    return (
      lease &&
      new LocalFallbackLease(lease, async (record) => {
        // The record would reappear when the database is back.
        if (record === undefined) throw outage
        return await lease.commit(record)
      })
    )
  }

  /**
   * Makes the next local fencing token higher than everything seen in the database, and higher
   * than every token that other processes drew in this outage until now, by their clocks.
   *
   * @returns `false` if this process holds the local lease already.
   */
  async #reserveFencingToken(key: string): Promise<boolean> {
    const lease = await this.#local.acquire(key, SHORT_LEASE_TIMEOUT_S)
    if (lease === undefined) return false
    const ledger = await this.#local.readLedger(key)
    const last = Math.max(this.#minFencingToken(key), Math.floor(now()), ledger?.fetches.last ?? 0)
    await lease.writeLedger({ ...ledger, fetches: { since: now(), count: 0, ...ledger?.fetches, last } })
    await lease.release()
    return true
  }

  /** A lease of the database. Its commit discards the local record. */
  async #acquireRemote(key: string, timeout: number): Promise<Lease | undefined> {
    const lease = await this.#database.acquire(key, timeout)
    return (
      lease &&
      new LocalFallbackLease(lease, async (record) => {
        const isCommitted = await lease.commit(record)
        if (isCommitted) {
          this.#raiseMinFencingToken(key, lease.fencingToken)
          this.#lastDatabaseRecords.set(key, record)
        }
        return isCommitted
      })
    )
  }

  /** Never brings the record: `read` compares what the database has with the local record. */
  async waitForChange(key: string, seen: number | undefined, signal: AbortSignal): Promise<void> {
    await this.#withFallback(
      key,
      async () => await this.#database.waitForChange(key, seen, signal),
      async () => await this.#local.waitForChange(key, seen, signal),
    )
  }

  holder(key: string): Promise<{ fencingToken: number; name: string } | undefined> {
    return this.#withFallback(
      key,
      async () => await this.#database.holder?.(key),
      async () => await this.#local.holder?.(key),
    )
  }

  watch(listener: (key: string) => void): () => void {
    return this.#database.watch?.(listener) ?? (() => {})
  }

  async *keys(): AsyncIterable<string> {
    yield* await this.#withFallback(
      '',
      () => toArray(this.#database.keys()),
      // During an outage only the keys that were read or written are known.
      () => [...this.#lastDatabaseRecords.keys()],
    )
  }

  forget(key: string): void {
    this.#database.forget?.(key)
    this.#forgetLocal(key).catch(() => {})
  }

  async #forgetLocal(key: string): Promise<void> {
    const record = await this.#local.read(key)
    // A value that the database does not have yet is handed over when it is read.
    if (record !== undefined && record.generation > this.#minFencingToken(key)) return
    this.#local.forget?.(key)
    this.#lastDatabaseRecords.delete(key)
    this.#minFencingTokens.delete(key)
  }

  close(): Promise<void> {
    this.#isClosed = true
    return this.#database.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The outcome of the database, or of this process's own while the database is down. */
  async #withFallback<T>(key: string, inDatabase: () => Promise<T>, locally: (outage: DogError) => T | Promise<T>): Promise<T> {
    const currentError = this.#isClosed ? undefined : this.#circuitBreaker.currentError(key)
    if (currentError !== undefined) return await locally(currentError)
    const begunAt = monotonic()
    try {
      const result = await inDatabase()
      this.#circuitBreaker.recordSuccess(key)
      return result
    } catch (error) {
      if (!isOutage(error) || this.#isClosed) throw error
      if (this.#circuitBreaker.recordFailure(key, begunAt, error)) {
        const message = `${error.message}; until it is back, this process fetches for itself`
        for (const listener of this.#warningListeners) listener({ key: undefined, code: error.code, message })
      }
      return await locally(error)
    }
  }
}

/**
 * Whether the database failed, which is the cause of the store's error. What the store finds itself
 * has no cause: a record of a newer version is no reason to fetch.
 */
const isOutage = (error: unknown): error is DogError =>
  error instanceof DogError && error.code === 'ERR_DOG_STORE' && error.cause !== undefined

/** A lease with another commit. */
class LocalFallbackLease extends ForwardingLease {
  readonly #commit: Lease['commit']

  constructor(lease: Lease, commit: Lease['commit']) {
    super(lease)
    this.#commit = commit
  }

  override commit(record: DogRecord | undefined): Promise<boolean> {
    return this.#commit(record)
  }
}

async function toArray(items: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const item of items) all.push(item)
  return all
}
