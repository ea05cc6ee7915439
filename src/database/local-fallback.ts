import { DogError, type DogRecord, type Lease, type Ledger, memoryStore, type Store } from 'dotdog'
import { monotonic, now } from '../core/shared/clock.js'
import { Outage } from './circuit-breaker.js'

/** Seconds a lease for handing a value over, or for a number, may take. */
const HANDOVER = 5
type Warning = { key: string | undefined; code: string; message: string }

/**
 * A store that goes on in this process's memory while the one below is down, for users who would rather fetch once a process
 * than not at all. The value of such a time is handed over when the store is back, if it is the newer one; once the store has
 * had one as new as that, it is over for good, also when the store loses or removes what it had.
 */
export class FallbackStore implements Store {
  readonly #inner: Store
  readonly #local = memoryStore()
  /** As read from the store below, or written there, last. */
  readonly #seen = new Map<string, DogRecord | undefined>()
  /** The highest number that the store below was seen to have: of what is here, only what comes after it counts. */
  readonly #floor = new Map<string, number>()
  readonly #handing = new Set<string>()
  readonly #outage = new Outage()
  readonly #listeners = new Set<(warning: Warning) => void>()
  #isClosed = false

  constructor(inner: Store) {
    this.#inner = inner
  }

  get name(): string {
    return this.#inner.name
  }

  onWarning(listener: (warning: Warning) => void): void {
    this.#listeners.add(listener)
    this.#inner.onWarning?.(listener)
  }

  async read(key: string): Promise<DogRecord | undefined> {
    const found = await this.#or(
      key,
      async () => {
        const record = await this.#inner.read(key)
        this.#seen.set(key, record)
        if (record !== undefined) this.#raise(key, record.generation)
        return record
      },
      () => this.#seen.get(key),
    )
    const local = await this.#local.read(key)
    if (local === undefined || local.generation <= this.#floorOf(key)) return found
    if (!this.#outage.isOn) this.#handOver(key, local).catch(() => {})
    return local
  }

  #floorOf(key: string): number {
    return this.#floor.get(key) ?? 0
  }

  #raise(key: string, number: number): void {
    this.#floor.set(key, Math.max(this.#floorOf(key), number))
  }

  async #handOver(key: string, record: DogRecord): Promise<void> {
    if (this.#handing.has(key)) return
    this.#handing.add(key)
    try {
      const lease = await this.#above(key, HANDOVER)
      if (lease === undefined) return
      try {
        const newest = await this.#inner.read(key)
        if (newest === undefined || newest.generation < record.generation) await lease.commit(record)
        else this.#raise(key, newest.generation)
      } finally {
        await lease.release()
      }
    } finally {
      this.#handing.delete(key)
    }
  }

  readLedger(key: string): Promise<Ledger | undefined> {
    return this.#or(
      key,
      async () => await this.#inner.readLedger(key),
      async () => await this.#local.readLedger(key),
    )
  }

  acquire(key: string, timeout: number): Promise<Lease | undefined> {
    return this.#or(
      key,
      () => this.#above(key, timeout),
      (down) => this.#here(key, timeout, down),
    )
  }

  /** A lease of this process's own. */
  async #here(key: string, timeout: number, down: DogError): Promise<Lease | undefined> {
    const lease = (await this.#number(key)) ? await this.#local.acquire(key, timeout) : undefined
    return (
      lease &&
      committing(lease, async (commit, record) => {
        // What is removed here would be there again.
        if (record === undefined) throw down
        return await commit(record)
      })
    )
  }

  /**
   * What is numbered here next comes after what was seen in the store below, and after what other processes have numbered in
   * the same outage until now, by their clocks. False: somebody here is at it.
   */
  async #number(key: string): Promise<boolean> {
    const lease = await this.#local.acquire(key, HANDOVER)
    if (lease === undefined) return false
    const ledger = await this.#local.readLedger(key)
    const last = Math.max(this.#floorOf(key), Math.floor(now()), ledger?.fetches.last ?? 0)
    await lease.writeLedger({ ...ledger, fetches: { since: now(), count: 0, ...ledger?.fetches, last } })
    await lease.release()
    return true
  }

  /** A lease of the store below, whose commit ends what is here. */
  async #above(key: string, timeout: number): Promise<Lease | undefined> {
    const lease = await this.#inner.acquire(key, timeout)
    if (lease === undefined) return undefined
    return committing(lease, async (commit, record) => {
      const isDone = await commit(record)
      if (isDone) {
        this.#raise(key, lease.fencingToken)
        this.#seen.set(key, record)
      }
      return isDone
    })
  }

  /** Brings no record: what is read here is compared with what this process has for itself. */
  async waitForChange(key: string, seen: number | undefined, signal: AbortSignal): Promise<void> {
    await this.#or(
      key,
      async () => await this.#inner.waitForChange(key, seen, signal),
      async () => await this.#local.waitForChange(key, seen, signal),
    )
  }

  holder(key: string): Promise<{ fencingToken: number; name: string } | undefined> {
    return this.#or(
      key,
      async () => await this.#inner.holder?.(key),
      async () => await this.#local.holder?.(key),
    )
  }

  watch(listener: (key: string) => void): () => void {
    return this.#inner.watch?.(listener) ?? (() => {})
  }

  async *keys(): AsyncIterable<string> {
    yield* await this.#or(
      '',
      () => listed(this.#inner.keys()),
      // Nothing else is known then.
      () => [...this.#seen.keys()],
    )
  }

  close(): Promise<void> {
    this.#isClosed = true
    return this.#inner.close()
  }

  /** Of the store below, or of this process where it is down. */
  async #or<T>(key: string, above: () => Promise<T>, here: (down: DogError) => T | Promise<T>): Promise<T> {
    const standing = this.#isClosed ? undefined : this.#outage.standing(key)
    if (standing !== undefined) return await here(standing)
    const begun = monotonic()
    try {
      const result = await above()
      this.#outage.answered(key)
      return result
    } catch (error) {
      if (!isOfBackend(error) || this.#isClosed) throw error
      if (this.#outage.failed(key, begun, error)) {
        const message = `${error.message}; until it is back, this process fetches for itself`
        for (const listener of this.#listeners) listener({ key: undefined, code: error.code, message })
      }
      return await here(error)
    }
  }
}

/** The backend failed. Not so what the store above it finds: a record of a newer version is no reason to fetch. */
const isOfBackend = (error: unknown): error is DogError =>
  error instanceof DogError && error.code === 'ERR_DOG_STORE' && error.cause !== undefined

type Commit = Lease['commit']

/** The lease, with another commit around its own. */
function committing(lease: Lease, around: (commit: Commit, record: DogRecord | undefined) => Promise<boolean>): Lease {
  const commit: Commit = lease.commit.bind(lease)
  return Object.assign(lease, { commit: (record: DogRecord | undefined) => around(commit, record) })
}

async function listed(all: AsyncIterable<string>): Promise<string[]> {
  const keys: string[] = []
  for await (const key of all) keys.push(key)
  return keys
}
