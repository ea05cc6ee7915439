/**
 * What a database must offer so that {@link DatabaseStore} can use it: single atomic steps on text.
 * A backend knows nothing of records, of waiters or of renewing a lease. Every step ends within the
 * backend's own time-out (500 ms) or throws. An error with `isRefusal` says that the database does
 * not do this at all, so that another try is of no use.
 */
export interface Backend {
  /** The kind of database, such as `redis`. */
  readonly name: string
  /** Host and port, or the database, for messages. Never a user, a password or a query. */
  readonly endpoint: string

  /** The text of the record. */
  read(key: string): Promise<string | undefined>
  /** The text of the ledger. */
  readLedger(key: string): Promise<string | undefined>
  /** The process that has the lease, unless the lease has run out by the database's clock. */
  holder(key: string): Promise<Holder | undefined>

  /**
   * Takes the lease if nobody has it, and draws its fencing token in the same step. The token is
   * higher than the record's generation, the ledger's `last`, every token drawn before that is
   * still known, and `fencingTokenFloor`. Where nothing is known, only the floor counts.
   */
  acquire(key: string, request: AcquireRequest): Promise<Acquired | undefined>
  /** Lets the lease run for `leaseMs` from now. `false`: the lease is no longer ours. */
  renew(key: string, nonce: string, leaseMs: number): Promise<boolean>
  /** Writes the ledger. `false`: the lease is no longer ours, and nothing was written. */
  writeLedger(key: string, nonce: string, ledger: LedgerText): Promise<boolean>
  /**
   * Writes the record (`undefined` removes it), releases the lease and notifies the subscribers, in
   * one step. `false`: the lease is no longer ours, and this call wrote nothing.
   *
   * @param keepMs after a removal: milliseconds from now after which the backend deletes what it keeps
   *   of the key, unless a lease is taken before. `undefined`: it keeps it.
   */
  commit(key: string, nonce: string, record: RecordText | undefined, keepMs?: number): Promise<boolean>
  /**
   * Releases the lease and notifies the subscribers. Does nothing if the lease is not ours.
   *
   * @param keepMs of a key without a record, as in `commit`: taking the lease has put the deletion off
   */
  release(key: string, nonce: string, keepMs?: number): Promise<void>

  /**
   * Waits inside the database, for at most `ms`, until something happens to the key after the
   * `cursor`. The result carries the text of a record that was committed, so that a waiter needs no
   * second request to read it; without a text, the waiter must read. `undefined`: the database
   * cannot wait like this, or cannot at the moment.
   */
  waitBlocking?(key: string, cursor: string, ms: number): Promise<WaitResult | undefined>

  /** Every key that has a record. */
  keys(): AsyncIterable<string>
  /**
   * Notifies the listener of every commit and release, by any process. Resolves when the
   * subscription has begun. The listener gets the key and the generation of its record, or
   * `undefined` after a gap (a lost connection) in which anything may have happened. The process is
   * kept alive only until the subscription has begun. A lost connection is replaced for as long as
   * there is a listener.
   */
  subscribe(listener: (key: string | undefined, generation?: number) => void): Promise<() => void>
  /**
   * Ends every connection that the backend made itself. A given client or pool is left to its
   * owner.
   */
  close(): Promise<void>
}

/** Whether the database refused for good, so that another try is of no use. */
export const isRefusal = (error: unknown): boolean => Object(error).isRefusal === true

export interface Holder {
  fencingToken: number
  /** `host:pid` */
  name: string
  /** Milliseconds until its lease runs out. */
  msLeft: number
  /** The last event of the key at that moment, if the backend has `waitBlocking`. */
  cursor?: string
}

export interface AcquireRequest {
  /** Unlike any other nonce; proves the ownership of the lease in every later step. */
  nonce: string
  /** `host:pid` of the process that asks. */
  holder: string
  leaseMs: number
  /** The token drawn is higher than this. */
  fencingTokenFloor: number
}

export interface Acquired {
  fencingToken: number
  /** `host:pid` of the previous holder, if its lease ran out without a release. */
  evicted?: string
}

export interface LedgerText {
  text: string
  /** The fencing token of the newest fetch that was begun. */
  lastFencingToken: number
}

export interface RecordText {
  text: string
  generation: number
}

export interface WaitResult {
  /** The text of the record that was committed. */
  text?: string
}
