export interface BackoffOptions {
  /**
   * Shortens each wait at random, to no less than half of it, so that a server that comes back is
   * not met by every process at the same moment. Default false.
   */
  jitter?: boolean
}

/**
 * Computes the wait before a failed connection is tried again. The wait doubles from `firstMs` to
 * `maxMs`. A success resets it.
 */
export class ReconnectBackoff {
  readonly #firstMs: number
  readonly #maxMs: number
  readonly #hasJitter: boolean
  #failures = 0

  constructor(firstMs: number, maxMs: number, { jitter = false }: BackoffOptions = {}) {
    this.#firstMs = firstMs
    this.#maxMs = maxMs
    this.#hasJitter = jitter
  }

  /** Counts one more failure. Returns how long to wait now, in milliseconds. */
  next(): number {
    const ms = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#failures++, 30))
    return this.#hasJitter ? ms / 2 + (Math.random() * ms) / 2 : ms
  }

  reset(): void {
    this.#failures = 0
  }
}
