import type { DogOptions, Fetcher, KeyStatus, Store } from '../../../index.js'
import type { KeyEnvironment } from '../fetch/fetch-events.js'
import type { Memory } from '../fetch/memory.js'
import { mayReencrypt } from '../fetch/ownership.js'
import { StoredKey } from '../fetch/stored-key.js'
import { KeyHandle } from '../key/key-handle.js'
import { areSame } from '../model/encryption.js'
import { DogError } from '../model/errors.js'
import { checkDogOptions, checkKey, checkKeyOptions, configOf, type KeyConfig } from '../model/options.js'
import { takingTurns } from '../shared/clock.js'
import { Events } from './events.js'
import { LinkedKeys } from './linked-keys.js'
import { sortedByKey } from './sorted-by-key.js'
import { statusOf } from './status.js'
import { encryptedWith, type StoreLocation, StoreRegistry, unwrapped } from './store-registry.js'
import { UnregisteredKeys } from './unregistered-keys.js'

/** What `init` was given, so that a second `init` of the key can be compared with it. */
interface Registration extends StoreLocation {
  identity: string | undefined
}

const FIXED_OPTIONS = ['dir', 'store', 'identity'] as const

/** The whole state of one dog: its keys, its stores, and whether it is closed. Two dogs share nothing but their stores. */
export class DogState {
  readonly events = new Events()
  readonly keys = new LinkedKeys((key) => this.handleOf(key))
  readonly #defaults: DogOptions
  readonly #stores: StoreRegistry
  readonly #unregistered = new UnregisteredKeys((key, record) => this.events.onChanged(key, record))
  readonly #environment: KeyEnvironment
  readonly #handles = new Map<string, KeyHandle>()
  /** The key that was asked for last: a program asks for the same key again and again. */
  #lastKey: string | undefined
  #lastHandle: KeyHandle | undefined
  /** What is still under way of keys that were forgotten. */
  readonly #forgottenRuns = new Set<Promise<unknown>>()
  readonly #registrations = new Map<string, Registration>()
  /** Shared by all keys that were given the same: most keys of a program are. */
  #lastRegistration: Registration = { identity: undefined }
  /** Made when something waits, or at the end: a process that only reads a fresh value starts without it. */
  #closing: AbortController | undefined

  constructor(options: DogOptions) {
    this.#defaults = checkDogOptions(options)
    this.#environment = { events: this.events, keys: this.keys, closing: () => this.#closer().signal }
    this.#stores = new StoreRegistry(
      this.#defaults.mode,
      (key, code, message) => this.events.onWarning(key, code, message),
      (key, store) => this.#onStoreChange(key, store),
    )
  }

  /** The handle of a key that was asked for before. */
  find(key: string): KeyHandle | undefined {
    if (key === this.#lastKey) return this.#lastHandle
    this.#lastHandle = this.#handles.get(key)
    this.#lastKey = this.#lastHandle && key
    return this.#lastHandle
  }

  /** The handle of a key; that of a follower where nobody initialised the key here. */
  handleOf(key: string): KeyHandle {
    const known = this.find(key)
    if (known !== undefined) return known
    checkKey(key)
    return this.#makeHandle(
      key,
      this.#stores.get(this.#defaults),
      configOf(undefined, { ...this.#defaults, autoRefresh: false }),
    )
  }

  /** The handle for a call that may wait. */
  openHandleOf(key: string): KeyHandle {
    if (this.#isClosed) throw new DogError('ERR_DOG_CLOSED', 'The dog is closed: init reopens it', { key })
    return this.handleOf(key)
  }

  register(key: string, fetcher: Fetcher<never>, given: unknown): void {
    const options = checkKeyOptions(given, this.#defaults)
    const { dir, store, identity } = options
    const before = this.#registrations.get(key)
    const other = before && FIXED_OPTIONS.find((name) => before[name] !== options[name])
    if (other !== undefined) {
      throw new TypeError(`init("${key}"): it has another ${other} already; a second dog (createDog) keeps them apart`)
    }
    if (this.#isClosed) this.#reopen()
    const target = this.#stores.get({ dir, store })
    const config = configOf(fetcher, options)
    const known = this.find(key)
    const handle = known ?? this.#makeHandle(key, target, config)
    if (known !== undefined) this.#configure(known, target, config)
    if (FIXED_OPTIONS.some((name) => this.#lastRegistration[name] !== options[name])) {
      this.#lastRegistration = { dir, store, identity }
    }
    this.#registrations.set(key, this.#lastRegistration)
    handle.scheduleRefresh()
    this.events.debug(key, () => `is kept in ${target.dir ?? target.name}`)
  }

  #makeHandle(key: string, store: Store, config: KeyConfig): KeyHandle {
    const handle = new KeyHandle(this.#storedKey(key, store, config))
    this.#handles.set(key, handle)
    return handle
  }

  #storedKey(key: string, store: Store, config: KeyConfig, memory?: Memory): StoredKey {
    const encrypted = encryptedWith(config.encryptionKeys, store, (record) => mayReencrypt(record, stored.config))
    const stored = new StoredKey(key, encrypted, config, this.#environment, memory)
    return stored
  }

  #configure(handle: KeyHandle, store: Store, config: KeyConfig): void {
    const { key, memory, store: before, config: old } = handle.stored
    // A key that only followed may have adopted another account's record, from another folder: that is forgotten.
    const isSame = unwrapped(before) === store && old.identity === config.identity
    if (isSame && areSame(old.encryptionKeys, config.encryptionKeys)) handle.stored.config = config
    else handle.replaceCoordinator(this.#storedKey(key, store, config, isSame ? memory : undefined))
  }

  /** Unregisters a key. What is under way for its callers ends by itself. */
  forget(key: string): void {
    const handle = this.#handles.get(key)
    this.#handles.delete(key)
    this.#registrations.delete(key)
    this.events.forget(key)
    this.#lastKey = this.#lastHandle = undefined
    if (handle === undefined) {
      this.#unregistered.forget(key)
      return
    }
    const { store, memory } = handle.stored
    // The watcher may be about to report what this dog has reported itself.
    if (this.events.count('change') > 0) this.#unregistered.setReported(key, unwrapped(store), memory.record?.generation)
    const ending = handle.forget()?.finally(() => {
      this.#forgottenRuns.delete(ending!)
      if (!this.#handles.has(key)) store.forget?.(key)
    })
    if (ending === undefined) store.forget?.(key)
    else this.#forgottenRuns.add(ending)
  }

  async status(): Promise<KeyStatus[]> {
    this.#stores.get(this.#defaults)
    const config = configOf(undefined, this.#defaults)
    const all: KeyStatus[] = []
    // There may be a key for each user, and reading files waits for nothing: others must get their turns.
    const turn = takingTurns()
    for (const [key, { stored }] of this.#handles) {
      all.push(await statusOf(key, stored.store, stored.config, stored.memory))
      await turn()
    }
    // A key that nobody asked for here is read, and not remembered.
    for (const store of this.#stores.all()) {
      const decrypting = encryptedWith(config.encryptionKeys, store, () => false)
      for await (const key of store.keys()) {
        if (!this.#handles.has(key)) all.push(await statusOf(key, decrypting, config))
        await turn()
      }
    }
    return await sortedByKey(all, turn)
  }

  /** Watches the stores while anyone listens for `change`. */
  updateWatching(): void {
    if (this.events.count('change') === 0) {
      this.#stores.unwatch()
      return
    }
    if (this.#stores.isEmpty) this.#stores.get(this.#defaults)
    this.#stores.watch()
  }

  #onStoreChange(key: string, store: Store): void {
    const rereading = this.#handles.get(key)?.reread({ fromWatcher: true }) ?? this.#unregistered.reread(key, store)
    rereading.catch(() => {})
  }

  get #isClosed(): boolean {
    return this.#closing?.signal.aborted === true
  }

  #closer(): AbortController {
    return (this.#closing ??= new AbortController())
  }

  async close(): Promise<void> {
    this.#closer().abort(new DogError('ERR_DOG_CLOSED', 'The dog was closed'))
    this.#stores.unwatch()
    await Promise.all([...this.#forgottenRuns, ...[...this.#handles.values()].map((handle) => handle.close())])
    await this.#stores.close()
  }

  #reopen(): void {
    this.#closing = undefined
    if (this.events.count('change') > 0) this.#stores.watch()
    for (const handle of this.#handles.values()) handle.scheduleRefresh()
  }
}
