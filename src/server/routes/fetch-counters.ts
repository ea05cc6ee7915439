import type { KeyStatus } from 'dotdog'
import { isDogError } from '../http/problem.js'
import type { EventHub } from './event-hub.js'
import type { Sample } from './prometheus.js'

const SUCCESS_REASONS = ['missing', 'expired', 'due', 'rejected', 'forced'] as const
const FAILURE_REASONS: Record<string, string> = {
  ERR_DOG_FETCH: 'failed',
  ERR_DOG_FETCH_TIMEOUT: 'timeout',
  ERR_DOG_FETCH_RESULT: 'bad_result',
  ERR_DOG_REJECTED: 'same_value',
}

interface KeyCounters {
  /** By result and reason: `success due`. */
  counts: Map<string, number>
  /**
   * The `retryAt` of the newest counted failure. One failure is the error of every caller until
   * that time, and is counted once.
   */
  newestRetryAt: number
  /** The consecutive failures that were counted. */
  failures: number
}

/**
 * Counts the fetches of each key by their result. The dog emits an event for each success;
 * failures are counted from the errors of callers and from the ledger.
 */
export class FetchCounters {
  readonly #byKey = new Map<string, KeyCounters>()

  constructor(hub: EventHub) {
    hub.subscribe(({ event, payload }) => {
      if (event === 'refresh') this.#increment(payload.key, `success ${payload.reason}`)
    })
  }

  /** Counts a failure that was the error of a caller. */
  recordFailure(key: string, error: unknown): void {
    if (!isDogError(error) || error.retryAt === undefined) return
    const counters = this.#countersOf(key)
    if (error.retryAt <= counters.newestRetryAt) return
    counters.newestRetryAt = error.retryAt
    counters.failures++
    this.#countFailure(key, error.code)
  }

  /** Counts the failures in the ledger that were no caller's error. */
  recordStatus({ key, failure }: KeyStatus): void {
    const counters = this.#countersOf(key)
    if (failure === undefined) counters.failures = 0
    else if (failure.retryAt > counters.newestRetryAt) {
      const missed = failure.count > counters.failures ? failure.count - counters.failures : 1
      for (let time = 0; time < missed; time++) this.#countFailure(key, failure.code)
      counters.newestRetryAt = failure.retryAt
      counters.failures = failure.count
    }
  }

  *samples(keys: readonly string[]): Iterable<Sample> {
    for (const key of keys) {
      for (const [id, value] of this.#countersOf(key).counts) {
        const [result, reason] = id.split(' ') as [string, string]
        yield { labels: { key, result, reason }, value }
      }
    }
  }

  #countFailure(key: string, code: string): void {
    const reason = FAILURE_REASONS[code]
    if (reason !== undefined) this.#increment(key, `failure ${reason}`)
  }

  #increment(key: string, id: string): void {
    const { counts } = this.#countersOf(key)
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }

  /**
   * All counters of a key exist from the start with 0, so that Prometheus sees the first count as
   * an increase.
   */
  #countersOf(key: string): KeyCounters {
    let counters = this.#byKey.get(key)
    if (counters === undefined) {
      const ids = [
        ...SUCCESS_REASONS.map((reason) => `success ${reason}`),
        ...Object.values(FAILURE_REASONS).map((reason) => `failure ${reason}`),
      ]
      counters = { counts: new Map(ids.map((id) => [id, 0])), newestRetryAt: 0, failures: 0 }
      this.#byKey.set(key, counters)
    }
    return counters
  }
}
