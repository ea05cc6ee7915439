const WINDOW_MS = 60_000
const MAX_FAILURES_PER_WINDOW = 20
const MAX_ADDRESSES = 1000

/** Counts failed authentications by address, in a table of bounded size. */
export class FailureThrottle {
  readonly #failures = new Map<string, { count: number; sinceMs: number }>()

  /**
   * Counts one more failure. Returns the seconds to stay away if the address has failed too often.
   */
  recordFailure(address: string): number | undefined {
    const now = performance.now()
    let entry = this.#failures.get(address)
    if (entry === undefined || now - entry.sinceMs >= WINDOW_MS) entry = { count: 0, sinceMs: now }
    // Inserted last again, so that the oldest address is evicted first.
    this.#failures.delete(address)
    this.#failures.set(address, entry)
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= MAX_ADDRESSES) break
      this.#failures.delete(oldest)
    }
    if (++entry.count <= MAX_FAILURES_PER_WINDOW) return undefined
    return Math.max(1, Math.ceil((entry.sinceMs + WINDOW_MS - now) / 1000))
  }
}
