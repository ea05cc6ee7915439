import type { DogRecord, Lease, Ledger } from 'dotdog'
import { monotonic, now, pause, startTimer, stopTimer, type Timer } from '../core/shared/clock.js'
import { decodeLedger, encodeLedger, encodeRecord } from '../core/shared/format.js'
import { type Backend, isRefusal, type RecordText } from './backend.js'

/** A lease runs for this time, so that a dead holder's key is free after it. Renewed at a third. */
export const LEASE_MS = 5000
/** One year. A ledger that is to be kept for longer is kept for good: its times are from a wrong clock. */
const MAX_KEEP_MS = 366 * 86_400_000
/** Milliseconds between two tries of a commit. */
const COMMIT_RETRY_DELAY_MS = 50

export interface LeaseTerms {
  key: string
  nonce: string
  fencingToken: number
  /** Monotonic milliseconds at which the request for the lease was sent. */
  requestedAt: number
  /** The holder is overdue at this age of its lease: the holder's time-out and the grace. */
  overdueAfterMs: number
  /** How long the lease runs, as it was asked for. */
  leaseMs: number
  evicted?: string
  /** Whether the store found a record when it last read the key. */
  hasRecord(): boolean
  /** Aborts when the store closes. */
  closed: AbortSignal
}

/** Runs a step of the backend, and turns what it throws into an error of the store. */
export type RunStep = <T>(step: () => Promise<T>) => Promise<T>

/** How long a lease shall run whose holder is overdue in so many milliseconds. */
export const leaseMsFor = (msUntilOverdue: number): number => Math.max(1, Math.min(LEASE_MS, Math.ceil(msUntilOverdue)))

/**
 * A lease in a database. It runs by the database's clock and is renewed from this process. Here it
 * counts as lost as soon as it may have run out there. That is a little earlier than it does,
 * because the time here counts from before the request is sent.
 */
export class DatabaseLease implements Lease {
  readonly #backend: Backend
  readonly #runStep: RunStep
  readonly #terms: LeaseTerms
  readonly #lost = new AbortController()
  /** Until this moment the lease is certainly ours. Monotonic milliseconds. */
  #ownedUntil: number
  #isOver = false
  /**
   * The commit was refused and never will be done, so that others need not wait for the lease to
   * run out.
   */
  #wasCommitRefused = false
  /** The ledger that was written last. */
  #ledger: Ledger | undefined
  #timer: Timer | undefined

  constructor(backend: Backend, runStep: RunStep, terms: LeaseTerms) {
    this.#backend = backend
    this.#runStep = runStep
    this.#terms = terms
    this.#ownedUntil = terms.requestedAt + terms.leaseMs
    this.#armHeartbeat()
  }

  get fencingToken(): number {
    return this.#terms.fencingToken
  }

  get evicted(): string | undefined {
    return this.#terms.evicted
  }

  get signal(): AbortSignal {
    return this.#lost.signal
  }

  ageMs(): number {
    return monotonic() - this.#terms.requestedAt
  }

  isHeld(): boolean {
    if (!this.#isOver && monotonic() >= this.#ownedUntil) this.#lose()
    return !this.#isOver
  }

  async extend(seconds: number): Promise<void> {
    this.#terms.overdueAfterMs = Math.max(this.#terms.overdueAfterMs, this.ageMs() + seconds * 1000)
    if (this.isHeld()) await this.#renew()
  }

  async writeLedger(ledger: Ledger): Promise<void> {
    if (!this.isHeld()) return
    const { key, nonce } = this.#terms
    const encoded = { text: encodeLedger(key, ledger), lastFencingToken: ledger.fetches.last }
    if (!(await this.#runStep(() => this.#backend.writeLedger(key, nonce, encoded)))) return this.#lose()
    this.#ledger = ledger
  }

  async commit(record: DogRecord | undefined): Promise<boolean> {
    if (this.#isOver) return false
    this.#end()
    const encoded = record && { text: encodeRecord(record), generation: record.generation }
    return await this.#runStep(() => this.#commitWithRetry(encoded))
  }

  /**
   * A database that hesitates must not cost a fetch: while nobody else can have the lease, the same
   * commit is tried again. A commit that fails in the end may still be done later. Therefore the
   * lease is not released then: it runs out.
   */
  async #commitWithRetry(record: RecordText | undefined): Promise<boolean> {
    const { key, nonce, closed } = this.#terms
    for (let isFirstTry = true; ; isFirstTry = false) {
      try {
        if (await this.#backend.commit(key, nonce, record, record === undefined ? keepMsOf(this.#ledger) : undefined))
          return true
        // The lease is no longer ours, unless an earlier try, whose answer was lost, made this very
        // commit. The text of a record proves that. A missing record proves it only after such a
        // try.
        if (record === undefined && isFirstTry) return false
        return await this.#isStored(record).catch((error) => {
          // The refusal of the first try is an answer, also where it cannot be checked.
          if (isFirstTry) return false
          throw error
        })
      } catch (error) {
        if (isRefusal(error)) {
          this.#wasCommitRefused = isFirstTry
          // Redis does not undo what a script did before one of its commands was refused.
          if (await this.#isStored(record)) return true
          throw error
        }
        if (closed.aborted || monotonic() >= this.#ownedUntil) throw error
        await pause(COMMIT_RETRY_DELAY_MS, closed)
      }
    }
  }

  async #isStored(record: RecordText | undefined): Promise<boolean> {
    return (await this.#backend.read(this.#terms.key)) === record?.text
  }

  async release(): Promise<void> {
    if (this.#isOver && !this.#wasCommitRefused) return
    this.#wasCommitRefused = false
    this.#end()
    const { key, nonce } = this.#terms
    // A lease that cannot be released runs out by itself.
    await this.#backend.release(key, nonce, keepMsOf(await this.#ledgerOfRemovedKey())).catch(() => {})
  }

  /** Taking the lease of a removed key has put off the deletion of its ledger. */
  async #ledgerOfRemovedKey(): Promise<Ledger | undefined> {
    const { key, hasRecord } = this.#terms
    if (this.#ledger !== undefined || hasRecord()) return this.#ledger
    const decoded = decodeLedger((await this.#backend.readLedger(key).catch(() => undefined)) ?? '')
    return typeof decoded === 'object' ? decoded : undefined
  }

  /** Does not keep the process alive: the callers who wait for the fetch do. */
  #armHeartbeat(): void {
    const msLeft = this.#ownedUntil - monotonic()
    this.#timer = startTimer(() => void this.#heartbeat(), Math.max(1, Math.min(LEASE_MS / 3, msLeft)))
    this.#timer.unref()
  }

  async #heartbeat(): Promise<void> {
    if (!this.isHeld()) return
    await this.#renew()
    if (this.isHeld()) this.#armHeartbeat()
  }

  async #renew(): Promise<void> {
    const sentAt = monotonic()
    const msUntilOverdue = this.#terms.overdueAfterMs - this.ageMs()
    // An overdue holder lets its lease run out.
    if (msUntilOverdue <= 0) return
    const leaseMs = leaseMsFor(msUntilOverdue)
    try {
      const isOurs = await this.#backend.renew(this.#terms.key, this.#terms.nonce, leaseMs)
      if (!isOurs) return this.#lose()
      this.#ownedUntil = Math.max(this.#ownedUntil, sentAt + leaseMs)
    } catch {
      // Tried again until the lease has run out.
    }
  }

  #lose(): void {
    if (this.#isOver) return
    this.#end()
    this.#lost.abort()
  }

  #end(): void {
    this.#isOver = true
    stopTimer(this.#timer)
  }
}

/**
 * How long the ledger of a removed key is kept, unless a fetch has begun since. Also until the clock is
 * past its last fencing token, as the tokens of a key without a ledger begin at the clock.
 */
function keepMsOf(ledger: Ledger | undefined): number | undefined {
  const { keepUntil, fetches, voidUpTo = 0, failure } = ledger ?? {}
  if (keepUntil === undefined || fetches!.last > voidUpTo) return undefined
  const ms = Math.ceil(Math.max(keepUntil, fetches!.last + 1, failure?.retryAt ?? 0) - now())
  return ms > MAX_KEEP_MS ? undefined : Math.max(1, ms)
}
