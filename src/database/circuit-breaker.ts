import type { DogError } from 'dotdog'
import { monotonic } from '../core/shared/clock.js'

/** After this many consecutive failures a key is not asked for. Each may take half a second. */
const MAX_CONSECUTIVE_FAILURES = 3
/** A key is not asked for during this time after its last failure. */
const OPEN_MS = 1000

interface KeyFailures {
  count: number
  /** Monotonic milliseconds of the last failure. */
  lastAt: number
  error: DogError
}

/**
 * Records how a store's operations end: whether the store is down, and whether to ask for a key.
 */
export class CircuitBreaker {
  readonly #failuresByKey = new Map<string, KeyFailures>()
  #isDown = false

  /** Whether the last operation failed. */
  get isDown(): boolean {
    return this.#isDown
  }

  /** The error to report without asking, if the key failed several times and just now. */
  currentError(key: string): DogError | undefined {
    const failures = this.#failuresByKey.get(key)
    if (failures === undefined || failures.count < MAX_CONSECUTIVE_FAILURES) return undefined
    return monotonic() < failures.lastAt + OPEN_MS ? failures.error : undefined
  }

  /**
   * Records a failure. Several operations that failed at the same time count as one.
   *
   * @param begunAt monotonic milliseconds at which the failed operation began
   * @returns whether the store was up until now
   */
  recordFailure(key: string, begunAt: number, error: DogError): boolean {
    const { count = 0, lastAt = 0 } = this.#failuresByKey.get(key) ?? {}
    this.#failuresByKey.set(key, { count: begunAt < lastAt ? count : count + 1, lastAt: monotonic(), error })
    const wasUp = !this.#isDown
    this.#isDown = true
    return wasUp
  }

  recordSuccess(key: string): void {
    this.#failuresByKey.delete(key)
    this.#isDown = false
  }
}
