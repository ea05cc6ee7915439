import type { DogRecord, Lease, Ledger, Store } from '../../index.js'
import { needsSealing, type SealingKey, seal, unseal } from '../seal.js'

/**
 * A store whose values are encrypted, over any other store: it opens what is read and seals what is committed. The engine
 * above and the store below know nothing of it.
 */
export class SealedStore implements Store {
  readonly #inner: Store
  readonly #keys: readonly SealingKey[]
  /** Each record is decrypted once. */
  readonly #opened = new Map<string, { found: DogRecord; record: DogRecord }>()
  readonly #sealing = new Set<string>()

  constructor(inner: Store, keys: readonly SealingKey[]) {
    this.#inner = inner
    this.#keys = keys
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
    if (last?.found === found) return last.record
    const record = unseal(found, this.#keys, this.path(key))
    this.#opened.set(key, { found, record })
    if (needsSealing(found, this.#keys)) this.#sealAgain(key).catch(() => {})
    return record
  }

  /** What was written plain, or with an older key, is written again, without a fetch. If it cannot be, at the next read. */
  async #sealAgain(key: string): Promise<void> {
    if (this.#sealing.has(key)) return
    this.#sealing.add(key)
    try {
      const lease = await this.#inner.take(key, 5)
      if (lease === undefined) return
      try {
        const found = await this.#inner.read(key)
        if (found === undefined || !needsSealing(found, this.#keys)) return
        await lease.commit(seal(unseal(found, this.#keys, this.path(key)), this.#keys[0]!))
      } finally {
        await lease.release()
      }
    } finally {
      this.#sealing.delete(key)
    }
  }

  async take(key: string, timeout: number): Promise<Lease | undefined> {
    const lease = await this.#inner.take(key, timeout)
    return lease && new SealedLease(lease, this.#keys[0]!)
  }

  ledger(key: string): Ledger | undefined | Promise<Ledger | undefined> {
    return this.#inner.ledger(key)
  }

  settled(key: string, seen: number | undefined, signal: AbortSignal): Promise<void> {
    return this.#inner.settled(key, seen, signal)
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
