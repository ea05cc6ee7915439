/**
 * What a database has to offer so that a store can stand on it: single atomic steps on text. It knows nothing of records,
 * of waiting or of renewing; {@link NetworkStore} does. Every step ends within the backend's own bound (500 ms) or throws. An
 * error with `isRefusal` is the database's word that it does not do this: asking again is of no use.
 */
export interface Backend {
  /** Such as `redis`. */
  readonly name: string
  /** For messages: host and port, or database. Never a user, a password or a query. */
  readonly place: string

  /** The record's text. */
  read(key: string): Promise<string | undefined>
  /** The ledger's text. */
  ledger(key: string): Promise<string | undefined>
  /** Who has the lease, unless its time is over by the database's clock. */
  holder(key: string): Promise<Holder | undefined>

  /**
   * Takes the lease if nobody has it, and draws its number in the same step: higher than the record's generation, the
   * ledger's `last`, every number drawn before that is still known, and `floor` (where nothing is known, only that).
   */
  take(key: string, claim: Claim): Promise<Taken | undefined>
  /** Lets the lease run `leaseMs` from now. False: it is no longer ours. */
  renew(key: string, nonce: string, leaseMs: number): Promise<boolean>
  /** Writes the ledger. False: the lease is no longer ours, and nothing was written. */
  note(key: string, nonce: string, ledger: LedgerText): Promise<boolean>
  /** Writes the record (undefined removes it), lets go and tells the listeners, in one step. False: as `note`. */
  commit(key: string, nonce: string, record: RecordText | undefined): Promise<boolean>
  /** Lets go and tells the listeners. Of a lease that is not ours, nothing. */
  release(key: string, nonce: string): Promise<void>

  /**
   * Waits in the database, at most `ms`, until something happens to the key after the `mark`, and brings the text of a record
   * that was committed: a waiter wakes once, not for a message and again for what it then reads. Without a text: look again.
   * Undefined: it cannot be waited for so, or not now.
   */
  park?(key: string, mark: string, ms: number): Promise<{ text?: string } | undefined>

  /** Every key that has a record. */
  keys(): AsyncIterable<string>
  /**
   * Listens for commits and releases by anybody. Resolves when the listening has begun; `listener` gets the key and the
   * generation of its record, or undefined after a gap (a lost connection) in which anything may have happened. Keeps the process alive only while
   * it begins. A connection that is lost comes back by itself, as long as somebody listens.
   */
  listen(listener: (key: string | undefined, generation?: number) => void): Promise<() => void>
  /** Ends every connection that the backend made itself; one that was given is its giver's. */
  close(): Promise<void>
}

export const isRefusal = (error: unknown): boolean => Object(error).isRefusal === true

export interface Holder {
  fencingToken: number
  /** `host:pid` */
  name: string
  /** Milliseconds its lease still runs. */
  left: number
  /** What had happened to the key when this was so, where the backend can `park`. */
  mark?: string
}

export interface Claim {
  /** Unlike any other; proves the ownership in every later step. */
  nonce: string
  /** `host:pid` */
  name: string
  leaseMs: number
  floor: number
}

export interface Taken {
  number: number
  /** `host:pid` of the holder whose lease ran out without being let go. */
  displaced?: string
}

export interface LedgerText {
  text: string
  /** The number of the newest fetch begun. */
  last: number
}

export interface RecordText {
  text: string
  generation: number
}
