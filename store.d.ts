/// <reference lib="esnext.disposable" />

/**
 * What the author of a store implements, and what a store keeps. `dotdog/store-suite` runs the tests
 * that every store must pass; docs/writing-a-store.md explains the contract step by step.
 *
 * Durations of options are seconds; names that end in `Ms` are milliseconds. Absolute times are epoch
 * milliseconds.
 */

export type Awaitable<T> = T | Promise<T>

/** A value and its times, as a store keeps it. Fields that this version does not know are preserved. */
export interface DogRecord {
  key: string
  /** Undefined in a record that is `sealed`. */
  value: unknown
  /** The encrypted value. */
  sealed?: { id: string; nonce: string; data: string }
  /** Epoch milliseconds at which the fetch started. */
  fetchedAt: number
  /** Epoch milliseconds at which the value expires. */
  expiresAt: number
  /** Seconds before `expiresAt` from which the value is due. */
  ahead: number
  /** Orders the values of a key: the higher generation is the newer value. */
  generation: number
  identity?: string
  /** `host:pid` of the process that fetched the value. */
  by?: string
  [unknown: string]: unknown
}

/** A failure that all processes obey: no process fetches before `retryAt`. */
export interface Failure {
  /** Epoch milliseconds of the failure. */
  at: number
  /** Failures in a row. */
  count: number
  /** Epoch milliseconds before which no process fetches. */
  retryAt: number
  code: string
  /** At most 1024 characters, redacted. */
  message: string
  /** The failure says nothing of a process that fetches with another secret than these. See `credentialId`. */
  credentialIds?: readonly string[]
  /** What the upstream said, as `DogError.details` has it: plain JSON of at most 1024 bytes, redacted. */
  details?: Readonly<Record<string, unknown>>
}

/** What all processes know of the attempts to fetch a key. */
export interface Ledger {
  /** Attempts in the window that began at `since`. `last` is the fencing token of the newest fetch that began. */
  fetches: { since: number; count: number; last: number }
  failure?: Failure
  /** The key was removed: a value with a fencing token up to this one is never stored again. */
  voidUpTo?: number
  /** The fencing token of the first fetch that this ledger knows. A late answer to an earlier one belongs to a ledger that is gone. */
  firstToken?: number
  /** The key was removed: epoch milliseconds from which its store may delete the ledger, unless a fetch has begun since. */
  keepUntil?: number
  /** The last fetch was aborted by its own process. Two aborts in a row count as a failure. */
  aborted?: boolean
  [unknown: string]: unknown
}

/** The process that holds a key's lease now. */
export interface LeaseHolder {
  fencingToken: number
  /** `host:pid`. */
  name: string
}

/** The right to fetch one key. No other process has it until it is released, lost, or its holder is dead. */
export interface Lease {
  /** Orders fetches: higher than the generation of every earlier record and the `last` of every earlier ledger. */
  readonly fencingToken: number
  /** Aborts when the lease is lost. */
  readonly signal: AbortSignal
  /** `host:pid` of the dead or overdue holder from which the lease was taken. */
  readonly evicted?: string
  /** Monotonic milliseconds since the lease was asked for. */
  ageMs(): number
  /** Whether the lease is still held, as far as can be told without waiting. */
  isHeld(): boolean
  /** A living holder counts as overdue no earlier than `seconds` from now. */
  extend(seconds: number): Promise<void>
  /** Writes the ledger. Writes nothing if the lease was lost. */
  writeLedger(ledger: Ledger): Promise<void>
  /**
   * Stores the record (`undefined` removes it) and releases the lease, in one step. Resolves to `false` if
   * the lease was lost: then nothing was written. After a removal, the store may delete the ledger from its
   * `keepUntil` on.
   */
  commit(record: DogRecord | undefined): Promise<boolean>
  /** Releases the lease without a value. */
  release(): Promise<void>
}

/** What asks a store that fetches elsewhere for a newer value. */
export interface RefreshRequest {
  /** The value that the upstream no longer accepts: another one is wanted. */
  rejected?: unknown
  /** A value of a later generation than this is wanted. */
  after?: number
  /** Fetches although a recent failure says to wait. */
  force: boolean
}

/** Something that went wrong and that no caller was told of. */
export interface StoreWarning {
  key: string | undefined
  code: string
  message: string
}

/** The optional members that a store has. */
export type StoreCapability = 'holder' | 'watch' | 'refresh' | 'onWarning' | 'path' | 'forget'

/**
 * Where records live. A store knows nothing of fetching or refreshing.
 *
 * @example
 * class MyStore implements Store {
 *   readonly name = 'mine'
 *   readonly capabilities = ['watch'] as const
 *   // read, readLedger, acquire, waitForChange, keys, close, watch
 * }
 */
export interface Store {
  readonly name: string
  /** The optional members that this store has. A wrapper lists those of the store below. */
  readonly capabilities: readonly StoreCapability[]
  /** The folder, for a store of files. */
  readonly dir?: string
  read(key: string): Awaitable<DogRecord | undefined>
  readLedger(key: string): Awaitable<Ledger | undefined>
  /**
   * Takes the key's lease. Resolves to `undefined` if another process holds it.
   *
   * @param timeout seconds that the fetch may take; a holder is overdue 2 s after that.
   */
  acquire(key: string, timeout: number): Promise<Lease | undefined>
  /**
   * Ends when the record's generation is no longer `generation`, the lease is released, its holder is dead,
   * or `signal` aborts. May resolve to the new record.
   */
  waitForChange(
    key: string,
    generation: number | undefined,
    signal: AbortSignal,
  ): Promise<DogRecord | undefined> | Promise<void>
  keys(): AsyncIterable<string>
  close(): Promise<void>
  /** The same as `close`. */
  [Symbol.asyncDispose]?(): Promise<void>
  /** The living holder of the key's lease. */
  holder?(key: string): Awaitable<LeaseHolder | undefined>
  /** Calls back for every key whose record changed. Returns the stop function. Keeps no process alive. */
  watch?(listener: (key: string) => void): () => void
  /** For a store whose values are fetched elsewhere: asks there for a value. */
  refresh?(key: string, request: RefreshRequest, signal: AbortSignal): Promise<DogRecord>
  /** Subscribes to warnings, such as that of a damaged record. */
  onWarning?(listener: (warning: StoreWarning) => void): void
  /** The file of a key, for messages. */
  path?(key: string): string
  /** Frees the memory that this process uses for the key. What others can read stays stored. */
  forget?(key: string): void
}
