import type { DogRecord, Store } from '../../../index.js'
import type { CipherKey } from '../model/encryption.js'
import { EncryptedStore } from '../stores/encrypted.js'
import { FileStore } from '../stores/file/store.js'

/** Where a key's record is, as its options say. */
export interface StoreLocation {
  dir?: string | undefined
  store?: Store | undefined
}

/** The stores of one dog: one a folder, heard for warnings, and watched while somebody listens to changes. */
export class StoreRegistry {
  readonly #byFolder = new Map<string, Store>()
  /** Each with the end of its watch. */
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
    if (found === undefined) this.#byFolder.set(dir ?? '', (found = new FileStore(dir, this.mode)))
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

  /** Closes what was made here; a store that was given is its giver's. */
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

/** The store as a key uses it: encrypting, if the key has encryption keys. `maySeal`: see SealedStore. */
export const encryptedWith = (keys: readonly CipherKey[], store: Store, maySeal: (record: DogRecord) => boolean): Store =>
  keys.length === 0 ? store : new EncryptedStore(store, keys, maySeal)

/** The store itself, without what a key puts around it. */
export const unwrapped = (store: Store): Store => (store instanceof EncryptedStore ? store.inner : store)
