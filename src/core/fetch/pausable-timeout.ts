import { monotonic, startTimer, stopTimer, type Timer } from '../shared/clock.js'

/** A timer that fires this late was not late by itself: the process was suspended, or kept busy. */
const SUSPENDED_AFTER_MS = 500
/** After a suspension, an answer that arrived meanwhile gets this long to be read from its socket. */
const CATCH_UP_MS = 100

/**
 * A time-out that can be paused while another key's time-out runs. It keeps the process alive, because a
 * caller waits for it.
 */
export class PausableTimeout {
  /** Whether this process was suspended while the time-out ran: then the time-out is not the upstream's fault. */
  wasSuspended = false
  #remainingMs: number
  #startedAt = 0
  #timer: Timer | undefined
  #pauses = 1
  readonly #onTimeout: () => void

  constructor(ms: number, onTimeout: () => void) {
    this.#remainingMs = ms
    this.#onTimeout = onTimeout
    this.resume()
  }

  get remainingMs(): number {
    return this.#remainingMs
  }

  pause(): void {
    if (this.#pauses++ > 0) return
    stopTimer(this.#timer)
    this.#remainingMs -= monotonic() - this.#startedAt
  }

  resume(): void {
    if (--this.#pauses > 0) return
    this.#startedAt = monotonic()
    this.#timer = startTimer(() => this.#fire(), Math.max(0, this.#remainingMs))
  }

  #fire(): void {
    const latenessMs = monotonic() - this.#startedAt - Math.max(0, this.#remainingMs)
    this.wasSuspended = latenessMs > SUSPENDED_AFTER_MS
    if (this.wasSuspended) this.#timer = startTimer(this.#onTimeout, CATCH_UP_MS)
    else this.#onTimeout()
  }

  /** Stops the time-out for good. */
  cancel(): void {
    this.#pauses = Number.POSITIVE_INFINITY
    stopTimer(this.#timer)
  }
}
