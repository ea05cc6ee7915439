import { DogError, type DogRecord, type Lease, type Ledger, memoryStore, type Store } from 'dotdog'

/** Seconds a lease for handing a value over may take. */
const HANDOVER = 5

type Warning = { key: string | undefined; code: string; message: string }

/**
 * A store that goes on in this process's memory while the one below is down, for users who would rather fetch once a process
 * than not at all. The value of such a time is handed over when the store is back, if it is the newer one.
 */
export class FallbackStore implements Store {
  readonly #inner: Store
  readonly #local = memoryStore()
  /** As read last from the store below. */
  readonly #seen = new Map<string, DogRecord | undefined>()
  readonly #handing = new Set<string>()
  readonly #listeners = new Set<(warning: Warning) => void>()
  #isDown = false

  constructor(inner: Store) {
    this.#inner = inner
  }

  get name(): string {
    return this.#inner.name
  }

  warn(listener: (warning: Warning) => void): void {
    this.#listeners.add(listener)
    this.#inner.warn?.(listener)
  }

  async read(key: string): Promise<DogRecord | undefined> {
    const local = await this.#local.read(key)
    const found = await this.#or(
      async () => {
        const record = await this.#inner.read(key)
        this.#seen.set(key, record)
        return record
      },
      () => this.#seen.get(key),
    )
    if (local === undefined || local.generation <= (found?.generation ?? 0)) return found
    if (!this.#isDown) this.#handOver(key, local).catch(() => {})
    return local
  }

  async #handOver(key: string, record: DogRecord): Promise<void> {
    if (this.#handing.has(key)) return
    this.#handing.add(key)
    try {
      const lease = await this.#inner.take(key, HANDOVER)
      if (lease === undefined) return
      try {
        const newest = await this.#inner.read(key)
        if (newest === undefined || newest.generation < record.generation) await lease.commit(record)
      } finally {
        await lease.release()
      }
      const done = await this.#local.take(key, HANDOVER)
      await done?.commit(undefined)
    } finally {
      this.#handing.delete(key)
    }
  }

  ledger(key: string): Promise<Ledger | undefined> {
    return this.#or(
      async () => await this.#inner.ledger(key),
      async () => await this.#local.ledger(key),
    )
  }

  take(key: string, timeout: number): Promise<Lease | undefined> {
    return this.#or(
      () => this.#inner.take(key, timeout),
      async () => {
        // What is numbered here comes after what was seen there.
        const seen = this.#seen.get(key)
        if (seen !== undefined && ((await this.#local.read(key))?.generation ?? 0) < seen.generation) {
          await (await this.#local.take(key, HANDOVER))?.commit(seen)
        }
        return await this.#local.take(key, timeout)
      },
    )
  }

  /** Brings no record: what is read here is compared with what this process has for itself. */
  async settled(key: string, seen: number | undefined, signal: AbortSignal): Promise<void> {
    await this.#or(
      async () => await this.#inner.settled(key, seen, signal),
      async () => await this.#local.settled(key, seen, signal),
    )
  }

  holder(key: string): Promise<{ number: number; name: string } | undefined> {
    return this.#or(
      async () => await this.#inner.holder?.(key),
      async () => await this.#local.holder?.(key),
    )
  }

  watch(listener: (key: string) => void): () => void {
    return this.#inner.watch?.(listener) ?? (() => {})
  }

  keys(): AsyncIterable<string> {
    return this.#inner.keys()
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  /** Of the store below, or of this process where it is down. */
  async #or<T>(above: () => Promise<T>, here: () => T | Promise<T>): Promise<T> {
    try {
      const result = await above()
      this.#isDown = false
      return result
    } catch (error) {
      if (!(error instanceof DogError) || error.code !== 'ERR_DOG_STORE') throw error
      if (!this.#isDown) {
        const message = `${error.message}; until it is back, this process fetches for itself`
        for (const listener of this.#listeners) listener({ key: undefined, code: error.code, message })
      }
      this.#isDown = true
      return await here()
    }
  }
}
