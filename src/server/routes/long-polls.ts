import { isDogError, Problem } from '../http/problem.js'
import type { EventHub } from './event-hub.js'
import type { SerializedValue, ValueCache } from './value-cache.js'

/**
 * The new value, the reason why there is none, or `undefined` if nothing happened in the given
 * time.
 */
export type PollOutcome = SerializedValue | Error | undefined

interface Waiter {
  /** The generation that the client knows. */
  since: number
  timer: NodeJS.Timeout
  settle(outcome: PollOutcome): void
}

/** All polls of one key. */
interface Waiters {
  all: Set<Waiter>
  checkTimer: NodeJS.Timeout | undefined
  isChecking: boolean
  /** Something happened since the check under way began, so another one is needed. */
  needsCheck: boolean
}

/** Between two checks of a key without an event. */
const MIN_CHECK_INTERVAL_MS = 50
const MAX_CHECK_INTERVAL_MS = 5000
/** After a check that failed. */
const FAILED_CHECK_INTERVAL_MS = 1000
const RETRY_AFTER_S = 5

/**
 * The clients that wait for another value. One check of a key answers all its waiters. A key is
 * checked at every change, at its value's expiry, and from time to time before it, so that a due
 * value is refreshed although clients only wait.
 */
export class LongPolls {
  readonly #waitersByKey = new Map<string, Waiters>()
  #open = 0

  constructor(
    readonly values: ValueCache,
    hub: EventHub,
    readonly maxPolls: number,
  ) {
    hub.subscribe(({ event, payload }) => {
      if (event !== 'change' && event !== 'refresh') return
      const waiters = this.#waitersByKey.get(payload.key)
      if (waiters !== undefined) this.#check(payload.key, waiters)
    })
  }

  /** How many polls are open. */
  get open(): number {
    return this.#open
  }

  /**
   * Waits for a generation other than `since`. Returns a function that cancels the wait without
   * settling it.
   *
   * @throws Problem (503) if too many polls are open.
   */
  wait(key: string, since: number, timeoutMs: number, settle: (outcome: PollOutcome) => void): () => void {
    if (this.#open >= this.maxPolls) {
      throw new Problem(503, 'too_many_polls', 'Too many long polls are open', { retryAfter: RETRY_AFTER_S })
    }
    const waiters = this.#waitersByKey.get(key) ?? {
      all: new Set(),
      checkTimer: undefined,
      isChecking: false,
      needsCheck: false,
    }
    this.#waitersByKey.set(key, waiters)
    const timer = setTimeout(() => this.#settle(key, waiters, waiter, undefined), timeoutMs)
    const waiter: Waiter = { since, settle, timer }
    waiters.all.add(waiter)
    this.#open++
    // The value may have changed since the caller read it.
    this.#check(key, waiters)
    return () => void this.#remove(key, waiters, waiter)
  }

  #settle(key: string, waiters: Waiters, waiter: Waiter, outcome: PollOutcome): void {
    if (this.#remove(key, waiters, waiter)) waiter.settle(outcome)
  }

  /** Returns whether the waiter was still waiting. */
  #remove(key: string, waiters: Waiters, waiter: Waiter): boolean {
    if (!waiters.all.delete(waiter)) return false
    this.#open--
    clearTimeout(waiter.timer)
    if (waiters.all.size === 0 && this.#waitersByKey.get(key) === waiters) {
      clearTimeout(waiters.checkTimer)
      this.#waitersByKey.delete(key)
    }
    return true
  }

  async #check(key: string, waiters: Waiters): Promise<void> {
    waiters.needsCheck = true
    if (waiters.isChecking) return
    waiters.isChecking = true
    clearTimeout(waiters.checkTimer)
    let nextCheckMs = FAILED_CHECK_INTERVAL_MS
    while (waiters.needsCheck && waiters.all.size > 0) {
      waiters.needsCheck = false
      try {
        const value = await this.values.resolve(key)
        nextCheckMs = checkIntervalMs(value.expiresAt - Date.now())
        for (const waiter of waiters.all) {
          if (waiter.since !== value.generation) this.#settle(key, waiters, waiter, value)
        }
      } catch (error) {
        nextCheckMs = FAILED_CHECK_INTERVAL_MS
        // There is no valid value any more, and the waiters learn why.
        const outcome = isDogError(error) || error instanceof Problem ? (error as Error) : new Error('failed', { cause: error })
        for (const waiter of waiters.all) this.#settle(key, waiters, waiter, outcome)
      }
    }
    waiters.isChecking = false
    if (waiters.all.size > 0) {
      waiters.checkTimer = setTimeout(() => this.#check(key, waiters), nextCheckMs).unref()
    }
  }
}

/** A value that expired before its fetch ended is not fetched in a loop. */
const checkIntervalMs = (remainingMs: number): number =>
  remainingMs <= 0 ? MAX_CHECK_INTERVAL_MS : Math.max(MIN_CHECK_INTERVAL_MS, Math.min(MAX_CHECK_INTERVAL_MS, remainingMs / 20))
