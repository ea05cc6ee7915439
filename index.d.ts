/**
 * dotdog keeps expiring secrets. `init` registers a key with a fetcher, `get` returns a valid value, and all processes
 * of a machine share it through a small `.dog` file, with exactly one fetch between them.
 *
 * All durations are **seconds**. Absolute times are epoch milliseconds, a `Date`, or an ISO string.
 *
 * @example
 * init('ACCESS_TOKEN', async ({ signal }) => {
 *   const answer = await fetch(url, { signal })
 *   const { access_token, expires_in } = await answer.json()
 *   return { value: access_token, expiresIn: expires_in }
 * })
 * const token = await get('ACCESS_TOKEN')
 */

/** What a fetcher answers. Give a lifetime (`expiresIn`) or an end (`expiresAt`), not both. */
export interface Result<T = string> {
  /** Anything JSON can hold. */
  value: T
  /** Lifetime in seconds, counted from the moment the fetch started. `Infinity` never expires. */
  expiresIn?: number | string
  /** The end of the lifetime: epoch milliseconds (seconds are refused), a `Date` or an ISO string. */
  expiresAt?: number | string | Date
  /** Seconds before the expiry at which the value is due for a refresh. Never over two thirds of the lifetime. */
  refreshAhead?: number
}

/** Why a fetch is being made. */
export type Reason = 'missing' | 'expired' | 'due' | 'rejected' | 'forced'

/**
 * The one argument of a fetcher: guard_dog's handler (call it with the value, its lifetime in seconds and, if you like,
 * the refresh-ahead seconds) and a context in one. A handler call without a lifetime stores a value that is already
 * expired, as guard_dog does.
 */
export interface FetchContext<T = string> {
  (value: T, expiresIn?: number | string, refreshAhead?: number): void
  /** The key being fetched. */
  readonly key: string
  /** Aborts when the time-out is over or the lease is lost. Give it to your HTTP client. */
  readonly signal: AbortSignal
  /** The value this fetch replaces, if there is one, valid or not. */
  readonly previous: T | undefined
  readonly reason: Reason
  /** Another key's value, for a key that depends on it. The wait counts against that key's time-out, not this one's. */
  get<D = string>(key: string): Promise<D>
  /** Like the dog's `use`: runs the task with another key's value, and once more with a new one if it was rejected. */
  use<D = string, R = unknown>(key: string, task: (value: D) => R | PromiseLike<R>): Promise<R>
}

/** Gets a new value: a promise of a {@link Result}, or a call of the context as a handler. A promise of nothing: it will be called. */
export type Fetcher<T = string> = (
  context: FetchContext<T>,
  // biome-ignore lint/suspicious/noConfusingVoidType: a callback-style fetcher returns nothing, on any branch
) => PromiseLike<Result<T> | void> | Result<T> | void

/** 32 bytes, or 64 hex digits. */
export type EncryptionKey = Uint8Array | string

/** Options of one key. */
// biome-ignore lint/correctness/noUnusedVariables: the value's type, kept for options that will see values
export interface KeyOptions<T = string> {
  /** The folder of the `.dog` files. Not together with `store`. Default: see the README, "Where the files are". */
  dir?: string
  /** Another store than files. Not together with `dir`. */
  store?: Store
  /** Seconds before the expiry at which a value is due. Default `min(300, 10 % of the lifetime)`; at most two thirds of it. */
  refreshAhead?: number
  /** Seconds a fetch may take; at most 600. Default 30. */
  timeout?: number
  /** Names the account behind the key. Two that differ on one record are an `ERR_DOG_IDENTITY`. */
  identity?: string
  /** At most `limit` fetches in `window` seconds (default 86400), counted over all processes. */
  quota?: { limit: number; window?: number }
  /** Refreshes when due, also when nobody asks. Its timer does not keep the process alive. Default false. */
  autoRefresh?: boolean
  /** Reads and waits, and never fetches. `set` and `remove` stay allowed. Default false. */
  followOnly?: boolean
  /**
   * Encrypts the value at rest (AES-256-GCM): 32 bytes, or 64 hex digits. Of a list the first writes and all read, so that
   * keys can be rotated. A value that was written plain, or with an older key, is used and written again; one that no key
   * opens is an `ERR_DOG_DECRYPT`.
   */
  encryptionKey?: EncryptionKey | readonly EncryptionKey[]
  /** Whether an error of a task given to `use` means that the upstream no longer takes this key's value. */
  isRejected?: (error: unknown) => boolean
}

/** Options of a dog: the defaults of its keys, and the mode of its files. */
export interface DogOptions extends KeyOptions {
  /** The mode of files, `0o600` (default), `0o640` or `0o660`. Folders get the matching execute bits. */
  mode?: number
}

export interface GetOptions {
  /** The value must live at least so many seconds more. After one fetch begun since the call it is returned whatever it has. */
  minTtl?: number
  /** Rejects this caller only; a fetch that others wait for goes on. */
  signal?: AbortSignal
}

export interface RefreshOptions<T = string> {
  /** Replace the value only if it is still this one: a hundred reports are one fetch. */
  rejected?: T
  /** Fetch although a recent failure says to stay away, or the value is young. A quota is obeyed all the same. */
  force?: boolean
}

/** When a value that is `set` ends; `expiresIn` counts from now. */
export type Expiry = Pick<Result, 'expiresIn' | 'expiresAt'>

/** `expiresAt` in epoch milliseconds. */
export type Peeked<T = string> = Readonly<{ value: T; expiresAt: number; generation: number }>

/** One key of a dog, as `init` returns it: the dog's members without the `key` argument. */
export interface Secret<T = string> {
  readonly key: string
  get(options?: GetOptions): Promise<T>
  get(callback: (value?: T, error?: DogError) => void): void
  peek(): Peeked<T> | undefined
  refresh(options?: RefreshOptions<T>): Promise<T>
  use<R>(task: (value: T) => R | PromiseLike<R>): Promise<R>
  set(value: T, expiry: Expiry): Promise<void>
  remove(): Promise<boolean>
}

export interface KeyStatus {
  key: string
  /** `unreadable`: the store refused it; `failure` says why. */
  state: 'fresh' | 'due' | 'expired' | 'missing' | 'unreadable'
  /** Epoch milliseconds, as are `dueAt`, from which it is replaced, and `fetchedAt`: the start of the fetch. */
  expiresAt?: number
  dueAt?: number
  fetchedAt?: number
  generation?: number
  /** `host:pid` of the process that fetched the value. */
  by?: string
  identity?: string
  /** The process that is fetching now. */
  holder?: string
  /** Attempts in the current window, and the limit if there is one. */
  fetches: number
  quota?: number
  failure?: Failure
  /** The store's name. */
  store: string
  /** The folder, for files. */
  dir?: string
}

/** Payloads never hold a value. */
export interface DogEvents {
  /** A key has another value (or none), whoever fetched it. Listening starts a watcher that does not keep the process alive. */
  change: { key: string; generation: number | undefined; expiresAt: number | undefined; by: string | undefined }
  /** This process fetched. `ms`: from the take of the lease to the commit. */
  refresh: { key: string; generation: number; reason: Reason; durationMs: number; late: boolean }
  /** A caller in this process began to wait for the fetch of another. */
  wait: { key: string; holder: string | undefined }
  /** This process took the lease of a dead or overdue holder. */
  takeover: { key: string; holder: string }
  /** Something went wrong that no caller was told of. */
  warning: { key: string | undefined; code: string; message: string }
}

export type DogEvent = keyof DogEvents

/** An isolated set of keys. The package itself is the default dog. */
export interface Dog {
  /**
   * Registers a key. Fetches nothing. Again, it replaces fetcher and options; another folder, store or identity: `TypeError`.
   * @param options the key's options, or the folder (guard_dog's third argument).
   * @throws TypeError for a wrong key, fetcher or option.
   */
  init<T = string>(key: string, fetcher: Fetcher<T>, options?: KeyOptions<T> | string): Secret<T>
  /**
   * A valid value: at once if there is one, else after the one fetch, ours or another process's.
   * @throws DogError `ERR_DOG_FETCH`, `_FETCH_TIMEOUT`, `_FETCH_RESULT`, `_NO_FETCHER`, `_WAIT_TIMEOUT`, `_QUOTA`, `_CYCLE`,
   * `_STORE`, `_IDENTITY`, `_CLOSED`.
   */
  get<T = string>(key: string, options?: GetOptions): Promise<T>
  /**
   * guard_dog's style. A callback that declares one parameter is not called on failure (the failure is a `warning` event and
   * a process warning); with two parameters it gets `(undefined, error)`.
   */
  get<T = string>(key: string, callback: (value?: T, error?: DogError) => void): void
  /** What is known now, synchronously. Never fetches, never returns an expired value. */
  peek<T = string>(key: string): Peeked<T> | undefined
  /**
   * A new value. With `rejected`, only if the value is still that one. Without it, from a fetch that began after this call.
   * @throws DogError as `get`, and `ERR_DOG_REJECTED` if the upstream gave the same value again.
   */
  refresh<T = string>(key: string, options?: RefreshOptions<T>): Promise<T>
  /**
   * Runs the task with the value; if the task's error says that the upstream rejected it (`isRejected`, or an error whose
   * `code` is `ERR_DOG_REJECTED`), refreshes and runs the task once more.
   *
   * @example await use('ACCESS_TOKEN', (token) => callUpstream(token))
   */
  use<T = string, R = unknown>(key: string, task: (value: T) => R | PromiseLike<R>): Promise<R>
  /** Stores a value that you got elsewhere, under the lease, like the result of a fetch. */
  set<T = string>(key: string, value: T, expiry: Expiry): Promise<void>
  /** Removes the stored value. Resolves to whether there was one. The key stays registered. */
  remove(key: string): Promise<boolean>
  /** Every key this dog knows or its stores hold. Never a value. */
  status(): Promise<KeyStatus[]>
  on<E extends DogEvent>(event: E, listener: (payload: DogEvents[E]) => void): void
  off<E extends DogEvent>(event: E, listener: (payload: DogEvents[E]) => void): void
  /** Lets a fetch under way finish and commit, rejects waiters with `ERR_DOG_CLOSED`. `init` reopens it. A `store` stays open. */
  close(): Promise<void>
  /** Prints what happens to each key on standard error. Never a value. Default false. */
  debug: boolean
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
  constructor(code: DogErrorCode, message: string, fields?: { key?: string; retryAt?: number; path?: string; cause?: unknown })
  readonly code: DogErrorCode
  readonly key: string | undefined
  /** Epoch milliseconds before which no process will fetch. */
  readonly retryAt: number | undefined
  /** The file or folder concerned. */
  readonly path: string | undefined
}

/** A dog of its own: other defaults, another folder or store, the same key names. */
export function createDog(options?: DogOptions): Dog

/** A store in this process's memory, for tests and for values nobody shares. */
export function memoryStore(): Store

/** The default store: one `.dog` file a key in a folder. `mode` as in {@link DogOptions}. */
export function fileStore(options?: { dir?: string; mode?: number }): Store

// ---- Stores ----------------------------------------------------------------------------------------------------------

export type Awaitable<T> = T | Promise<T>

/** A value and its times, as a store keeps it. Fields unknown to this version are preserved. */
export interface DogRecord {
  key: string
  /** Undefined in a record that is `sealed`. */
  value: unknown
  /** The value, encrypted. */
  sealed?: { id: string; nonce: string; data: string }
  /** Epoch milliseconds at which the fetch started; `expiresAt` likewise. */
  fetchedAt: number
  expiresAt: number
  /** Seconds before `expiresAt` from which the value is due. */
  ahead: number
  /** Orders the values of a key: a higher one is newer. */
  generation: number
  identity?: string
  /** `host:pid` of the process that fetched. */
  by?: string
  [unknown: string]: unknown
}

/** `at` is when it was; until `retryAt` no process fetches. Both epoch milliseconds. `count`: failures in a row. */
export interface Failure {
  at: number
  count: number
  retryAt: number
  code: string
  /** At most 200 characters, redacted. */
  message: string
}

/** What all processes know of the attempts for a key. `aborted`: the last one, by its own process; two in a row are a failure. */
export interface Ledger {
  /** `last`: the number of the newest fetch that was begun. */
  fetches: { since: number; count: number; last: number }
  failure?: Failure
  aborted?: boolean
  [unknown: string]: unknown
}

/** The right to fetch one key: nobody else has it until it is let go, lost, or its holder is dead. */
export interface Lease {
  /** Orders fetches: higher than the generation of every record and the `last` of every ledger before. */
  readonly fencingToken: number
  /** Monotonic milliseconds since the take began. */
  ageMs(): number
  /** Whether it is still ours, as far as can be told without waiting. */
  isHeld(): boolean
  /** Aborts when the lease is lost. */
  readonly signal: AbortSignal
  /** `host:pid` of the dead holder it was taken from. */
  readonly evicted?: string
  /** A living holder counts as overdue not before `seconds` from now. */
  extend(seconds: number): Promise<void>
  /** Writes the ledger. A lost lease writes nothing. */
  writeLedger(ledger: Ledger): Promise<void>
  /** Stores the record (`undefined` removes it) and lets go, in one step. `false`: the lease was lost, nothing was written. */
  commit(record: DogRecord | undefined): Promise<boolean>
  /** Lets go without a value. */
  release(): Promise<void>
}

/** Where records live (`dir`, and `path` of a key, if in files). Knows nothing of refreshing. `dotdog/store-suite` proves one. */
export interface Store {
  readonly name: string
  readonly dir?: string
  read(key: string): Awaitable<DogRecord | undefined>
  readLedger(key: string): Awaitable<Ledger | undefined>
  /** `timeout` in seconds. `undefined`: someone else holds it. */
  acquire(key: string, timeout: number): Promise<Lease | undefined>
  /** Ends when the record's generation is not `seen`, the lease is let go, its holder dead, or `signal` aborts. May bring the record. */
  waitForChange(key: string, seen: number | undefined, signal: AbortSignal): Promise<DogRecord | undefined> | Promise<void>
  keys(): AsyncIterable<string>
  close(): Promise<void>
  /** The living holder of the key's lease. */
  holder?(key: string): Awaitable<{ fencingToken: number; name: string } | undefined>
  /** Values are fetched elsewhere; asks there for one other than `stale`, of a later generation than `after`, or any valid. */
  refresh?(key: string, wish: { rejected?: unknown; after?: number; force: boolean }, signal: AbortSignal): Promise<DogRecord>
  /** Tells of every key whose record changed. Returns the stop function. Keeps no process alive. */
  watch?(listener: (key: string) => void): () => void
  /** Takes what no caller is told of, such as a damaged record. */
  onWarning?(listener: (warning: { key: string | undefined; code: string; message: string }) => void): void
  path?(key: string): string
}

// ---- The default dog -------------------------------------------------------------------------------------------------

export const init: Dog['init']
export const get: Dog['get']
export const peek: Dog['peek']
export const refresh: Dog['refresh']
export const use: Dog['use']
export const set: Dog['set']
export const remove: Dog['remove']
export const status: Dog['status']
export const on: Dog['on']
export const off: Dog['off']
export const close: Dog['close']
/** Assignable: `dotdog.debug = true`. */
export let debug: boolean
