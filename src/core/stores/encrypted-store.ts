import type { DogRecord, Lease, Ledger, Store, StoreCapability } from '../../../index.js'
import { type CipherKey, decryptRecord, encryptRecord, needsEncryption } from '../model/encryption.js'
import { monotonic } from '../shared/clock.js'
import { ForwardingLease } from '../shared/forwarding-lease.js'

/** The least time between two tries to encrypt one record again. */
const REENCRYPT_INTERVAL_MS = 1000
/** The time-out of the lease under which a record is encrypted again. */
const REENCRYPT_TIMEOUT_S = 5

type Method = (...args: unknown[]) => unknown

/**
 * Encrypts the values of any other store: it decrypts what is read and encrypts what is committed.
 * The engine above and the store below know nothing of it. It has every capability of the store
 * below.
 *
 * A record that no key opens is returned as it is, still sealed. The caller refuses such a record.
 */
export class EncryptedStore implements Store {
  readonly capabilities: readonly StoreCapability[]
  declare readonly holder?: Store['holder']
  declare readonly watch?: Store['watch']
  declare readonly refresh?: Store['refresh']
  declare readonly onWarning?: Store['onWarning']
  declare readonly path?: Store['path']
  declare readonly forget?: Store['forget']

  readonly #inner: Store
  readonly #keys: readonly CipherKey[]
  readonly #mayReencrypt: (record: DogRecord) => boolean
  /**
   * By key: the last record that was read and its decrypted form, so that each record is decrypted
   * once.
   */
  readonly #decryptedRecords = new Map<string, { found: DogRecord; record: DogRecord }>()
  /** By key: monotonic milliseconds of the last try to encrypt its record again. */
  readonly #reencryptedAt = new Map<string, number>()

  /**
   * @param keys the first encrypts, all of them decrypt
   * @param mayReencrypt whether this key may write a record again that is plain, or sealed with an
   *   older key
   */
  constructor(inner: Store, keys: readonly CipherKey[], mayReencrypt: (record: DogRecord) => boolean) {
    this.#inner = inner
    this.#keys = keys
    this.#mayReencrypt = mayReencrypt
    this.capabilities = inner.capabilities
    for (const capability of this.capabilities) {
      const forward = (...args: unknown[]) => Reflect.apply(inner[capability] as Method, inner, args)
      // Only `refresh` returns a record, which may be sealed.
      Object.assign(this, { [capability]: capability === 'refresh' ? this.#refresh : forward })
    }
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

  readonly #refresh: NonNullable<Store['refresh']> = async (key, wish, signal) => {
    const found = await this.#inner.refresh!(key, wish, signal)
    return this.#decrypt(key, found) ?? found
  }

  #decrypt(key: string, found: DogRecord | undefined): DogRecord | undefined {
    if (found === undefined) return undefined
    const last = this.#decryptedRecords.get(key)
    const record = last?.found === found ? last.record : this.#tryDecrypt(key, found)
    if (record !== last?.record) this.#decryptedRecords.set(key, { found, record })
    if (record.sealed === undefined && needsEncryption(found, this.#keys)) this.#reencrypt(key, found).catch(() => {})
    return record
  }

  #tryDecrypt(key: string, found: DogRecord): DogRecord {
    try {
      return decryptRecord(found, this.#keys, this.#describe(key))
    } catch {
      return found
    }
  }

  /** The path of the key's record for a message, or the store's name if records have no path. */
  #describe(key: string): string {
    return this.#inner.path?.(key) ?? this.name
  }

  /**
   * Encrypts a record again, without a fetch, if it was written plain or with an older key. If that
   * fails, a later read tries again.
   */
  async #reencrypt(key: string, seen: DogRecord): Promise<void> {
    if (!this.#mayReencrypt(seen) || monotonic() < (this.#reencryptedAt.get(key) ?? 0) + REENCRYPT_INTERVAL_MS) return
    this.#reencryptedAt.set(key, monotonic())
    const lease = await this.#inner.acquire(key, REENCRYPT_TIMEOUT_S)
    if (lease === undefined) return
    try {
      const found = await this.#inner.read(key)
      if (found === undefined || !needsEncryption(found, this.#keys) || !this.#mayReencrypt(found)) return
      await lease.commit(encryptRecord(decryptRecord(found, this.#keys, this.#describe(key)), this.#keys[0]!))
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

  keys(): AsyncIterable<string> {
    return this.#inner.keys()
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Encrypts the record that is committed. */
class EncryptedLease extends ForwardingLease {
  readonly #key: CipherKey

  constructor(lease: Lease, key: CipherKey) {
    super(lease)
    this.#key = key
  }

  override commit(record: DogRecord | undefined): Promise<boolean> {
    return super.commit(record && encryptRecord(record, this.#key))
  }
}
