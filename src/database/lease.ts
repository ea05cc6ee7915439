import type { DogRecord, Lease, Ledger } from 'dotdog'
import { monotonic, pause, startTimer, stopTimer, type Timer } from '../core/shared/clock.js'
import { encodeLedger, encodeRecord } from '../core/shared/format.js'
import { type Backend, isRefusal, type RecordText } from './backend.js'

/** Milliseconds a lease runs: so long after its holder's death the key can be taken. It is renewed at a third. */
export const LEASE = 5000
/** Milliseconds a living holder is given after its time-out, as in the file store. */
export const GRACE = 2000
/** Milliseconds between two tries of a commit. */
const RETRY = 50

export interface Terms {
  key: string
  nonce: string
  number: number
  /** Monotonic milliseconds at which the take began. */
  since: number
  /** Milliseconds after which its holder is overdue: its time-out and the grace. */
  limit: number
  /** What was asked for at the take. */
  leaseMs: number
  displaced?: string
  /** Aborts when the store closes. */
  closed: AbortSignal
}

/** Runs a step of the backend; what it throws is the store's error. */
export type Ask = <T>(step: () => Promise<T>) => Promise<T>

export const leaseFor = (left: number): number => Math.max(1, Math.min(LEASE, Math.ceil(left)))

/**
 * A lease in a database. It runs by the database's clock and is renewed from here; here it counts as lost once it may have
 * run out there, which is earlier: our clock starts before the request is sent.
 */
export class NetworkLease implements Lease {
  readonly #backend: Backend
  readonly #ask: Ask
  readonly #terms: Terms
  readonly #lost = new AbortController()
  /** Monotonic milliseconds until which it is ours for sure. */
  #until: number
  #isOver = false
  /** The commit was not done and never will be: others need not wait until the lease runs out. */
  #isRefused = false
  #timer: Timer | undefined

  constructor(backend: Backend, ask: Ask, terms: Terms) {
    this.#backend = backend
    this.#ask = ask
    this.#terms = terms
    this.#until = terms.since + terms.leaseMs
    this.#arm()
  }

  get fencingToken(): number {
    return this.#terms.number
  }

  get evicted(): string | undefined {
    return this.#terms.displaced
  }

  get signal(): AbortSignal {
    return this.#lost.signal
  }

  ageMs(): number {
    return monotonic() - this.#terms.since
  }

  isHeld(): boolean {
    if (!this.#isOver && monotonic() >= this.#until) this.#lose()
    return !this.#isOver
  }

  async extend(seconds: number): Promise<void> {
    this.#terms.limit = Math.max(this.#terms.limit, this.ageMs() + seconds * 1000)
    if (this.isHeld()) await this.#renew()
  }

  async writeLedger(ledger: Ledger): Promise<void> {
    if (!this.isHeld()) return
    const { key, nonce } = this.#terms
    const written = { text: encodeLedger(key, ledger), last: ledger.fetches.last }
    if (!(await this.#ask(() => this.#backend.note(key, nonce, written)))) this.#lose()
  }

  async commit(record: DogRecord | undefined): Promise<boolean> {
    if (this.#isOver) return false
    this.#end()
    const written = record && { text: encodeRecord(record), generation: record.generation }
    return await this.#ask(() => this.#insist(written))
  }

  /**
   * A database that hesitates must not cost a fetch: while nobody else can have the lease, the same commit is asked for again.
   * What throws in the end may still be done later, so that nothing is let go either: it runs out.
   */
  async #insist(written: RecordText | undefined): Promise<boolean> {
    const { key, nonce, closed } = this.#terms
    for (let isFirst = true; ; isFirst = false) {
      try {
        if (await this.#backend.commit(key, nonce, written)) return true
        // No longer ours, or done by a try before, whose answer was lost.
        return !isFirst && (await this.#isWritten(written))
      } catch (error) {
        if (isRefusal(error)) {
          this.#isRefused = isFirst
          // Redis does not undo what a script did before it was refused something.
          if (await this.#isWritten(written)) return true
          throw error
        }
        if (closed.aborted || monotonic() >= this.#until) throw error
        await pause(RETRY, closed)
      }
    }
  }

  async #isWritten(written: RecordText | undefined): Promise<boolean> {
    return (await this.#backend.read(this.#terms.key)) === written?.text
  }

  async release(): Promise<void> {
    if (this.#isOver && !this.#isRefused) return
    this.#isRefused = false
    this.#end()
    // What cannot be let go runs out by itself.
    await this.#backend.release(this.#terms.key, this.#terms.nonce).catch(() => {})
  }

  /** Keeps no process alive: whoever waits for the fetch does. */
  #arm(): void {
    const left = this.#until - monotonic()
    this.#timer = startTimer(() => void this.#tend(), Math.max(1, Math.min(LEASE / 3, left)))
    this.#timer.unref()
  }

  async #tend(): Promise<void> {
    if (!this.isHeld()) return
    await this.#renew()
    if (this.isHeld()) this.#arm()
  }

  async #renew(): Promise<void> {
    const begun = monotonic()
    const left = this.#terms.limit - this.ageMs()
    // An overdue holder lets its lease run out.
    if (left <= 0) return
    const leaseMs = leaseFor(left)
    try {
      const isOurs = await this.#backend.renew(this.#terms.key, this.#terms.nonce, leaseMs)
      if (!isOurs) return this.#lose()
      this.#until = Math.max(this.#until, begun + leaseMs)
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
