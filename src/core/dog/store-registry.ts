import type { DogRecord, Store } from '../../../index.js'
import type { CipherKey } from '../model/encryption.js'
import { EncryptedStore } from '../stores/encrypted-store.js'
import { openFileStore } from '../stores/place/open-file-store.js'

/** Where a key's record is, as its options say. */
export interface StoreLocation {
  dir?: string | undefined
  store?: Store | undefined
}

/**
 * Owns the stores a dog uses, one per folder. Forwards their warnings, and watches them while anyone
 * listens for `change`.
 */
export class StoreRegistry {
  readonly #byFolder = new Map<string, Store>()
  /** Each store, with the function that ends its watch. */
  readonly #stores = new Map<Store, (() => void) | undefined>()
  #isWatching = false

  /** @param mode of the files in folders */
  constructor(
    readonly mode: number | undefined,
    readonly onWarning: (key: string | undefined, code: string, message: string) => void,
    readonly onChange: (key: string, store: Store) => void,
  ) {}

  get({ dir, store }: StoreLocation): Store {
    let found = store ?? this.#byFolder.get(dir ?? '')
    if (found === undefined) this.#byFolder.set(dir ?? '', (found = openFileStore(dir, this.mode)))
    if (!this.#stores.has(found)) {
      this.#stores.set(found, undefined)
      found.onWarning?.(({ key, code, message }) => this.onWarning(key, code, message))
      if (this.#isWatching) this.#watch(found)
    }
    return found
  }

  all(): Iterable<Store> {
    return this.#stores.keys()
  }

  get isEmpty(): boolean {
    return this.#stores.size === 0
  }

  /** Closes the stores that were made here. A store that was given stays open. */
  async close(): Promise<void> {
    for (const store of this.#byFolder.values()) await store.close()
  }

  watch(): void {
    this.#isWatching = true
    for (const store of this.#stores.keys()) this.#watch(store)
  }

  unwatch(): void {
    this.#isWatching = false
    for (const [store, stop] of this.#stores) {
      stop?.()
      this.#stores.set(store, undefined)
    }
  }

  #watch(store: Store): void {
    if (this.#stores.get(store) !== undefined) return
    try {
      this.#stores.set(
        store,
        store.watch?.((key) => this.onChange(key, store)),
      )
    } catch (error) {
      this.onWarning(undefined, 'ERR_DOG_STORE', (error as Error).message)
    }
  }
}

/**
 * The store as a key uses it: encrypting, if the key has encryption keys.
 *
 * @param mayReencrypt whether a record that is found plain, or with an older key, may be written again
 */
export const encryptedWith = (keys: readonly CipherKey[], store: Store, mayReencrypt: (record: DogRecord) => boolean): Store =>
  keys.length === 0 ? store : new EncryptedStore(store, keys, mayReencrypt)

/** The store itself, without the encryption that a key puts around it. */
export const unwrapped = (store: Store): Store => (store instanceof EncryptedStore ? store.inner : store)
