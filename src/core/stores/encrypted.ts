import type { DogRecord, Lease, Ledger, Store } from '../../../index.js'
import { type CipherKey, decryptRecord, encryptRecord, needsEncryption } from '../model/encryption.js'
import { monotonic } from '../shared/clock.js'

/** A record that could not be sealed again is tried again so often; milliseconds. */
const REENCRYPT_RETRY_MS = 1000

/**
 * A store whose values are encrypted, over any other store: it opens what is read and seals what is committed. The engine
 * above and the store below know nothing of it. What no key opens is given as it is, still sealed: its caller refuses it.
 */
export class EncryptedStore implements Store {
  readonly #inner: Store
  readonly #keys: readonly CipherKey[]
  readonly #mayReencrypt: (record: DogRecord) => boolean
  /** Each record is decrypted once. */
  readonly #decryptedRecords = new Map<string, { found: DogRecord; record: DogRecord }>()
  /** When a key's record was last tried to be sealed again; monotonic milliseconds. */
  readonly #reencryptedAt = new Map<string, number>()

  /** @param maySeal whether a record that is found plain, or sealed with an older key, is ours to write again */
  constructor(inner: Store, keys: readonly CipherKey[], maySeal: (record: DogRecord) => boolean) {
    this.#inner = inner
    this.#keys = keys
    this.#mayReencrypt = maySeal
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
    return found instanceof Promise ? found.then((record) => this.#decrypt(key, record)) : this.#decrypt(key, found)
  }

  #decrypt(key: string, found: DogRecord | undefined): DogRecord | undefined {
    if (found === undefined) return undefined
    const last = this.#decryptedRecords.get(key)
    const record = last?.found === found ? last.record : this.#decrypted(key, found)
    if (record !== last?.record) this.#decryptedRecords.set(key, { found, record })
    if (record.sealed === undefined && needsEncryption(found, this.#keys)) this.#reencrypt(key, found).catch(() => {})
    return record
  }

  #decrypted(key: string, found: DogRecord): DogRecord {
    try {
      return decryptRecord(found, this.#keys, this.path(key))
    } catch {
      return found
    }
  }

  /** What was written plain, or with an older key, is written again, without a fetch. If it cannot be, at a later read. */
  async #reencrypt(key: string, seen: DogRecord): Promise<void> {
    if (!this.#mayReencrypt(seen) || monotonic() < (this.#reencryptedAt.get(key) ?? 0) + REENCRYPT_RETRY_MS) return
    this.#reencryptedAt.set(key, monotonic())
    const lease = await this.#inner.acquire(key, 5)
    if (lease === undefined) return
    try {
      const found = await this.#inner.read(key)
      if (found === undefined || !needsEncryption(found, this.#keys) || !this.#mayReencrypt(found)) return
      await lease.commit(encryptRecord(decryptRecord(found, this.#keys, this.path(key)), this.#keys[0]!))
    } finally {
      await lease.release()
    }
  }

  async acquire(key: string, timeout: number): Promise<Lease | undefined> {
    const lease = await this.#inner.acquire(key, timeout)
    return lease && new EncryptedLease(lease, this.#keys[0]!)
  }

  readLedger(key: string): Ledger | undefined | Promise<Ledger | undefined> {
    return this.#inner.readLedger(key)
  }

  async waitForChange(key: string, seen: number | undefined, signal: AbortSignal): Promise<DogRecord | undefined> {
    return this.#decrypt(key, (await this.#inner.waitForChange(key, seen, signal)) ?? undefined)
  }

  async holder(key: string): Promise<{ fencingToken: number; name: string } | undefined> {
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

class EncryptedLease implements Lease {
  readonly #lease: Lease
  readonly #key: CipherKey

  constructor(lease: Lease, key: CipherKey) {
    this.#lease = lease
    this.#key = key
  }

  get fencingToken(): number {
    return this.#lease.fencingToken
  }

  get signal(): AbortSignal {
    return this.#lease.signal
  }

  get evicted(): string | undefined {
    return this.#lease.evicted
  }

  ageMs(): number {
    return this.#lease.ageMs()
  }

  isHeld(): boolean {
    return this.#lease.isHeld()
  }

  extend(seconds: number): Promise<void> {
    return this.#lease.extend(seconds)
  }

  writeLedger(ledger: Ledger): Promise<void> {
    return this.#lease.writeLedger(ledger)
  }

  commit(record: DogRecord | undefined): Promise<boolean> {
    return this.#lease.commit(record && encryptRecord(record, this.#key))
  }

  release(): Promise<void> {
    return this.#lease.release()
  }
}
