/**
 * Computes the wait before a failed connection is tried again. The wait doubles from `firstMs` to
 * `maxMs`. A success resets it.
 */
export class Backoff {
  readonly #firstMs: number
  readonly #maxMs: number
  #failures = 0

  constructor(firstMs: number, maxMs: number) {
    this.#firstMs = firstMs
    this.#maxMs = maxMs
  }

  /** Counts one more failure. Returns how long to wait now, in milliseconds. */
  next(): number {
    return Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#failures++, 30))
  }

  reset(): void {
    this.#failures = 0
  }
}
