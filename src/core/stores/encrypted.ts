import type { DogRecord, Lease, Ledger, Store } from '../../../index.js'
import { needsSealing, type SealingKey, seal, unseal } from '../model/encryption.js'
import { monotonic } from '../shared/clock.js'

/** A record that could not be sealed again is tried again so often; milliseconds. */
const RESEAL = 1000

/**
 * A store whose values are encrypted, over any other store: it opens what is read and seals what is committed. The engine
 * above and the store below know nothing of it. What no key opens is given as it is, still sealed: its caller refuses it.
 */
export class SealedStore implements Store {
  readonly #inner: Store
  readonly #keys: readonly SealingKey[]
  readonly #maySeal: (record: DogRecord) => boolean
  /** Each record is decrypted once. */
  readonly #opened = new Map<string, { found: DogRecord; record: DogRecord }>()
  /** When a key's record was last tried to be sealed again; monotonic milliseconds. */
  readonly #tried = new Map<string, number>()

  /** @param maySeal whether a record that is found plain, or sealed with an older key, is ours to write again */
  constructor(inner: Store, keys: readonly SealingKey[], maySeal: (record: DogRecord) => boolean) {
    this.#inner = inner
    this.#keys = keys
    this.#maySeal = maySeal
  }

  /** The store below. */
  get inner(): Store {
    return this.#inner
  }

  get name(): string {
    return this.#inner.name
  }

  get dir(): string | undefined {
    return this.#inner.dir
  }

  read(key: string): DogRecord | undefined | Promise<DogRecord | undefined> {
    const found = this.#inner.read(key)
    return found instanceof Promise ? found.then((record) => this.#open(key, record)) : this.#open(key, found)
  }

  #open(key: string, found: DogRecord | undefined): DogRecord | undefined {
    if (found === undefined) return undefined
    const last = this.#opened.get(key)
    const record = last?.found === found ? last.record : this.#unsealed(key, found)
    if (record !== last?.record) this.#opened.set(key, { found, record })
    if (record.sealed === undefined && needsSealing(found, this.#keys)) this.#sealAgain(key, found).catch(() => {})
    return record
  }

  #unsealed(key: string, found: DogRecord): DogRecord {
    try {
      return unseal(found, this.#keys, this.path(key))
    } catch {
      return found
    }
  }

  /** What was written plain, or with an older key, is written again, without a fetch. If it cannot be, at a later read. */
  async #sealAgain(key: string, seen: DogRecord): Promise<void> {
    if (!this.#maySeal(seen) || monotonic() < (this.#tried.get(key) ?? 0) + RESEAL) return
    this.#tried.set(key, monotonic())
    const lease = await this.#inner.take(key, 5)
    if (lease === undefined) return
    try {
      const found = await this.#inner.read(key)
      if (found === undefined || !needsSealing(found, this.#keys) || !this.#maySeal(found)) return
      await lease.commit(seal(unseal(found, this.#keys, this.path(key)), this.#keys[0]!))
    } finally {
      await lease.release()
    }
  }

  async take(key: string, timeout: number): Promise<Lease | undefined> {
    const lease = await this.#inner.take(key, timeout)
    return lease && new SealedLease(lease, this.#keys[0]!)
  }

  ledger(key: string): Ledger | undefined | Promise<Ledger | undefined> {
    return this.#inner.ledger(key)
  }

  async settled(key: string, seen: number | undefined, signal: AbortSignal): Promise<DogRecord | undefined> {
    return this.#open(key, (await this.#inner.settled(key, seen, signal)) ?? undefined)
  }

  async holder(key: string): Promise<{ number: number; name: string } | undefined> {
    return await this.#inner.holder?.(key)
  }

  watch(listener: (key: string) => void): () => void {
    return this.#inner.watch?.(listener) ?? (() => {})
  }

  path(key: string): string {
    return this.#inner.path?.(key) ?? this.name
  }

  keys(): AsyncIterable<string> {
    return this.#inner.keys()
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

class SealedLease implements Lease {
  readonly #lease: Lease
  readonly #key: SealingKey

  constructor(lease: Lease, key: SealingKey) {
    this.#lease = lease
    this.#key = key
  }

  get number(): number {
    return this.#lease.number
  }

  get signal(): AbortSignal {
    return this.#lease.signal
  }

  get displaced(): string | undefined {
    return this.#lease.displaced
  }

  age(): number {
    return this.#lease.age()
  }

  held(): boolean {
    return this.#lease.held()
  }

  extend(seconds: number): Promise<void> {
    return this.#lease.extend(seconds)
  }

  note(ledger: Ledger): Promise<void> {
    return this.#lease.note(ledger)
  }

  commit(record: DogRecord | undefined): Promise<boolean> {
    return this.#lease.commit(record && seal(record, this.#key))
  }

  release(): Promise<void> {
    return this.#lease.release()
  }
}
