/// <reference lib="esnext.disposable" />

/**
 * dotdog keeps expiring secrets. `init` registers a key with a fetcher, `get` returns a valid value, and
 * all processes of a machine share it through a small `.dog` file, with exactly one fetch between them.
 *
 * All durations are **seconds**. Absolute times are epoch milliseconds, a `Date`, or an ISO string.
 *
 * @example
 * init('ACCESS_TOKEN', async ({ signal }) => {
 *   const response = await fetch(url, { signal })
 *   const { access_token, expires_in } = await response.json()
 *   return { value: access_token, expiresIn: expires_in }
 * })
 * const token = await get('ACCESS_TOKEN')
 */

import type { DogEvent, DogEvents } from './events.js'
import type { Failure, Store } from './store.js'

export type * from './events.js'
export type * from './store.js'

/** What a fetcher returns. Give a lifetime (`expiresIn`) or an end (`expiresAt`), not both. */
export interface Result<T = string> {
  /** What JSON gives back as it was. A member that JSON would change (a promise, `Map`, `NaN`) is an `ERR_DOG_FETCH_RESULT`. */
  value: T
  /** Lifetime in seconds, counted from the moment the fetch started. `Infinity` never expires; a time (1.2e9 on) is refused. */
  expiresIn?: number | string
  /** The end of the lifetime: epoch milliseconds (seconds are refused), a `Date` or an ISO string. */
  expiresAt?: number | string | Date
  /** Seconds before the expiry at which the value is due for a refresh. At most two thirds of the lifetime. */
  refreshAhead?: number
}

/** Why a fetch is being made. */
export type Reason = 'missing' | 'expired' | 'due' | 'rejected' | 'forced'

/**
 * The one argument of a fetcher. It is guard_dog's handler (call it with the value, its lifetime in seconds
 * and, if you like, the refresh-ahead seconds) and a context in one. A handler call without a lifetime
 * stores a value that is already expired, as guard_dog does.
 */
export interface FetchContext<T = string> {
  (value: T, expiresIn?: number | string, refreshAhead?: number): void
  /** The key being fetched. */
  readonly key: string
  /** Aborts when the time-out is over or the lease is lost. Pass it to your HTTP client. */
  readonly signal: AbortSignal
  /** The value that this fetch replaces, if there is one, valid or not. */
  readonly previous: T | undefined
  readonly reason: Reason
  /**
   * Another key's value, for a key that depends on it. The wait counts against that key's time-out, not this
   * one's. If it has no value, nothing is recorded for this key, whose callers get that key's `retryAt`.
   */
  get<D = string>(key: string): Promise<D>
  /** Like the dog's `use`: runs the task with another key's value, and once more with a new one if it was rejected. */
  use<D = string, R = unknown>(key: string, task: (value: D) => R | PromiseLike<R>): Promise<R>
}

/** Gets a new value: returns a {@link Result}, or calls the context as a handler. A promise of nothing says that it will. */
export type Fetcher<T = string> = (
  context: FetchContext<T>,
  // biome-ignore lint/suspicious/noConfusingVoidType: a callback-style fetcher returns nothing, on any branch
) => PromiseLike<Result<T> | void> | Result<T> | void

/** 32 bytes, or 64 hex digits. */
export type EncryptionKey = Uint8Array | string

/** Options of one key. */
export interface KeyOptions {
  /** The folder of the `.dog` files. Not together with `store`. Default: docs/files-and-format.md, "Which folder". */
  dir?: string
  /** Another store than files. Not together with `dir`. */
  store?: Store
  /** Seconds before the expiry at which a value is due. Default `min(300, 10 % of the lifetime)`; at most two thirds of it. */
  refreshAhead?: number
  /** Seconds that a fetch may take; at most 600. Default 30. */
  timeout?: number
  /** Names the account behind the key. Two names that differ on one record are an `ERR_DOG_IDENTITY`. Default none. */
  identity?: string
  /** At most `limit` fetches in `window` seconds (default 86400), counted over all processes. Default none. */
  quota?: { limit: number; window?: number }
  /** Refreshes the value when it is due, even if nobody asks. Its timer keeps no process alive. Default false. */
  autoRefresh?: boolean
  /** Reads and waits, and never fetches. `set` and `remove` stay allowed. Default false. */
  followOnly?: boolean
  /**
   * Encrypts the value at rest (AES-256-GCM). Of a list the first key writes and all read, so that keys can be
   * rotated. A value that was written in the clear, or with an older key, is used and written again. A value
   * that no key opens is an `ERR_DOG_DECRYPT`. Default: not encrypted.
   */
  encryptionKey?: EncryptionKey | readonly EncryptionKey[]
  /**
   * Tells which secret the key is fetched with, without telling the secret: the start of a hash. A failed fetch
   * whose error names `credentialIds` (a list) is recorded as a failure of these secrets, and holds back no
   * process that has another one. Asked only while such a failure is recorded. Default: a failure holds for all.
   */
  credentialId?: string | (() => string | PromiseLike<string>)
  /** Whether an error of a task given to `use` means that the upstream no longer accepts this key's value. Default: never. */
  isRejected?: (error: unknown) => boolean
}

/** Options of a dog: the defaults of its keys, and the mode of its files. */
export interface DogOptions extends KeyOptions {
  /** The mode of files: `0o600` (default), `0o640` or `0o660`. Folders get the matching execute bits. */
  mode?: number
}

export interface GetOptions {
  /**
   * Minimum remaining lifetime, in seconds. If the cached value has less, one fetch is made and its result is
   * returned whatever its lifetime. Default 0.
   */
  minTtl?: number
  /** Rejects this caller only. A fetch that other callers wait for goes on. */
  signal?: AbortSignal
}

export interface RefreshOptions<T = string> {
  /** The value that the upstream no longer accepts. It is replaced only if it is still the current one: a hundred reports are one fetch. The order of members does not matter. */
  rejected?: T
  /** Fetches although a recent failure says to wait, or the value is young. A quota is obeyed all the same. Default false. */
  force?: boolean
}

/** When a value given to `set` ends. `expiresIn` counts from now, in seconds. */
export type Expiry = Pick<Result, 'expiresIn' | 'expiresAt'>

/** `expiresAt` in epoch milliseconds. */
export type Peeked<T = string> = Readonly<{ value: T; expiresAt: number; generation: number }>

/** One key of a dog, as `init` returns it: the dog's members without the `key` argument. */
export interface Secret<T = string> {
  readonly key: string
  get(options?: GetOptions): Promise<T>
  get(callback: (value?: T, error?: DogError) => void): void
  peek(): Peeked<T> | undefined
  read(options?: GetOptions): Promise<Peeked<T>>
  refresh(options?: RefreshOptions<T>): Promise<T>
  use<R>(task: (value: T) => R | PromiseLike<R>): Promise<R>
  set(value: T, expiry: Expiry): Promise<void>
  remove(): Promise<boolean>
}

/** What is known of one key. Times are epoch milliseconds. */
export interface KeyStatus {
  key: string
  /** `unreadable`: the store refused the record; `failure` says why. */
  state: 'fresh' | 'due' | 'expired' | 'missing' | 'unreadable'
  expiresAt?: number
  /** The time from which the value is replaced. */
  dueAt?: number
  /** The start of the fetch. */
  fetchedAt?: number
  generation?: number
  /** `host:pid` of the process that fetched the value. */
  by?: string
  identity?: string
  /** `host:pid` of the process that is fetching now. */
  holder?: string
  /** Fetches in the current window. */
  fetches: number
  /** The limit of `fetches`, if there is a quota. */
  quota?: number
  failure?: Failure
  /** The store's name. */
  store: string
  /** The folder, for files. */
  dir?: string
}

/** What every dog has, whatever its keys are. */
export interface DogBase {
  /** Every key that this dog knows or that its stores hold. Never a value. */
  status(): Promise<KeyStatus[]>
  /**
   * Subscribes to an event. Returns the function that unsubscribes.
   *
   * @example const stop = on('warning', ({ key, message }) => console.warn(key, message))
   */
  on<E extends DogEvent>(event: E, listener: (payload: DogEvents[E]) => void): () => void
  off<E extends DogEvent>(event: E, listener: (payload: DogEvents[E]) => void): void
  /**
   * Lets a fetch under way finish and commit, and rejects waiters with `ERR_DOG_CLOSED`. `init` opens the dog
   * again. A `store` that was given stays open.
   */
  close(): Promise<void>
  /** Prints what happens to each key on standard error. Never a value. Default false. */
  debug: boolean
}

/** An isolated set of keys. The package itself is the default dog. */
export interface Dog extends DogBase {
  /**
   * Registers a key. Fetches nothing. A second `init` of the key replaces its fetcher and options.
   *
   * @param options the key's options, or the folder (guard_dog's third argument).
   * @throws TypeError for a wrong key, fetcher or option, or for another folder, store or identity than before.
   * @example init('API', async () => ({ value: await login(), expiresIn: 3600 }), { timeout: 10 })
   */
  init<T = string>(key: string, fetcher: Fetcher<T>, options?: KeyOptions | string): Secret<T>
  /**
   * A valid value: at once if there is one, else after the one fetch, this process's or another's.
   *
   * @throws DogError `ERR_DOG_FETCH`, `_FETCH_TIMEOUT`, `_FETCH_RESULT`, `_NO_FETCHER`, `_WAIT_TIMEOUT`, `_QUOTA`,
   * `_CYCLE`, `_STORE`, `_IDENTITY`, `_DECRYPT`, `_CLOSED`.
   * @example const token = await get('API', { minTtl: 60 })
   */
  get<T = string>(key: string, options?: GetOptions): Promise<T>
  /**
   * guard_dog's style. A callback that declares one parameter is not called on failure: the failure is a
   * `warning` event and a process warning. A callback with two parameters gets `(undefined, error)`.
   */
  get<T = string>(key: string, callback: (value?: T, error?: DogError) => void): void
  /** What is known now, synchronously. Never fetches, never returns an expired value. */
  peek<T = string>(key: string): Peeked<T> | undefined
  /**
   * Like `get`, with the expiry of the value in one step: `{ value, expiresAt, generation }`.
   *
   * @throws DogError as `get`.
   * @example const { value, expiresAt } = await read('API')
   */
  read<T = string>(key: string, options?: GetOptions): Promise<Peeked<T>>
  /**
   * A new value. With `rejected`, only if that is still the current value. Without it, from a fetch that began
   * after this call.
   *
   * @throws DogError as `get`, and `ERR_DOG_REJECTED` if the upstream gave the rejected value again.
   * @example await refresh('API', { rejected: token })
   */
  refresh<T = string>(key: string, options?: RefreshOptions<T>): Promise<T>
  /**
   * Runs the task with the value. If the task's error says that the upstream rejected the value (`isRejected`,
   * or an error whose `code` is `ERR_DOG_REJECTED`), refreshes it and runs the task once more.
   *
   * @example await use('ACCESS_TOKEN', (token) => callUpstream(token))
   */
  use<T = string, R = unknown>(key: string, task: (value: T) => R | PromiseLike<R>): Promise<R>
  /**
   * Stores a value that you got elsewhere, under the lease, like the result of a fetch. Supersedes a fetch of
   * this dog that is under way: its callers get this value. Waits for a fetch of another process.
   */
  set<T = string>(key: string, value: T, expiry: Expiry): Promise<void>
  /**
   * Removes the stored value. Resolves to whether there was one. The key stays registered. A fetch of this dog
   * that is under way does not undo it, and may call it before it throws.
   */
  remove(key: string): Promise<boolean>
  /**
   * Unregisters a key and frees the memory that this process uses for it, for programs with a key for each
   * user. What is stored stays, for other processes and for a later `init`; only a store in memory loses it.
   * A fetch under way is finished and its callers are answered. Nothing is refreshed by itself afterwards.
   *
   * @throws TypeError if the key is no valid name.
   * @example
   * await remove(`USER_${id}`)
   * forget(`USER_${id}`)
   */
  forget(key: string): void
}

/** A dog whose keys and values have types: only the keys of `Keys` compile. */
export interface TypedDog<Keys extends object> extends DogBase {
  init<K extends keyof Keys & string>(key: K, fetcher: Fetcher<Keys[K]>, options?: KeyOptions | string): Secret<Keys[K]>
  get<K extends keyof Keys & string>(key: K, options?: GetOptions): Promise<Keys[K]>
  get<K extends keyof Keys & string>(key: K, callback: (value?: Keys[K], error?: DogError) => void): void
  peek<K extends keyof Keys & string>(key: K): Peeked<Keys[K]> | undefined
  read<K extends keyof Keys & string>(key: K, options?: GetOptions): Promise<Peeked<Keys[K]>>
  refresh<K extends keyof Keys & string>(key: K, options?: RefreshOptions<Keys[K]>): Promise<Keys[K]>
  use<K extends keyof Keys & string, R>(key: K, task: (value: Keys[K]) => R | PromiseLike<R>): Promise<R>
  set<K extends keyof Keys & string>(key: K, value: Keys[K], expiry: Expiry): Promise<void>
  remove(key: keyof Keys & string): Promise<boolean>
  forget(key: keyof Keys & string): void
}

export type DogErrorCode =
  | 'ERR_DOG_NO_FETCHER'
  | 'ERR_DOG_FETCH'
  | 'ERR_DOG_FETCH_TIMEOUT'
  | 'ERR_DOG_FETCH_RESULT'
  | 'ERR_DOG_CYCLE'
  | 'ERR_DOG_WAIT_TIMEOUT'
  | 'ERR_DOG_QUOTA'
  | 'ERR_DOG_REJECTED'
  | 'ERR_DOG_STORE'
  | 'ERR_DOG_IDENTITY'
  | 'ERR_DOG_DECRYPT'
  | 'ERR_DOG_CLOSED'

/** Every failure that is not misuse. `code` is stable; messages may improve. Holds no value, no secret and no URL query. */
export class DogError extends Error {
  constructor(
    code: DogErrorCode,
    message: string,
    fields?: { key?: string; retryAt?: number; path?: string; details?: Record<string, unknown>; cause?: unknown },
  )
  readonly code: DogErrorCode
  readonly key: string | undefined
  /** Epoch milliseconds before which no process will fetch. */
  readonly retryAt: number | undefined
  /** The file or folder concerned. */
  readonly path: string | undefined
  /** What the upstream said of a failed fetch, in every process: plain JSON of at most 1024 bytes, redacted. */
  readonly details: Readonly<Record<string, unknown>> | undefined
}

/** Whether something caught is a `DogError`, also one of another installed copy of this package. */
export function isDogError(error: unknown): error is DogError

/**
 * A dog whose keys and values have types.
 *
 * @example const dog = createDog<{ ACCESS_TOKEN: string; SESSION: { id: string } }>()
 */
export function createDog<Keys extends object = never>(
  ...options: [Keys] extends [never] ? [never] : [options?: DogOptions]
): TypedDog<Keys> & AsyncDisposable
/**
 * A dog of its own: other defaults, another folder or store, the same key names. `await using` closes it.
 *
 * @example await using dog = createDog({ dir: '/var/lib/tokens' })
 */
export function createDog(options?: DogOptions): Dog & AsyncDisposable

/** A store in this process's memory, for tests and for values that no other process shares. */
export function memoryStore(): Store & AsyncDisposable

/** The default store: a folder with one `.dog` file for each key. `mode` as in {@link DogOptions}. */
export function fileStore(options?: { dir?: string; mode?: number }): Store & AsyncDisposable

// ---- The default dog -------------------------------------------------------------------------------------------------

export const init: Dog['init']
export const get: Dog['get']
export const peek: Dog['peek']
export const read: Dog['read']
export const refresh: Dog['refresh']
export const use: Dog['use']
export const set: Dog['set']
export const remove: Dog['remove']
export const forget: Dog['forget']
export const status: Dog['status']
export const on: Dog['on']
export const off: Dog['off']
export const close: Dog['close']
/** Assignable: `dotdog.debug = true`. */
export let debug: boolean
