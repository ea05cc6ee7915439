/** Failed authentications by address, in a table that cannot grow. */

const WINDOW = 60_000
const ALLOWED = 20
const ADDRESSES = 1000

export class Throttle {
  readonly #failures = new Map<string, { count: number; since: number }>()

  /** Notes one more failure. Returns the seconds to stay away, if it was one too many. */
  fail(address: string): number | undefined {
    const now = performance.now()
    let entry = this.#failures.get(address)
    if (entry === undefined || now - entry.since >= WINDOW) entry = { count: 0, since: now }
    // The newest last, so that the oldest goes first.
    this.#failures.delete(address)
    this.#failures.set(address, entry)
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= ADDRESSES) break
      this.#failures.delete(oldest)
    }
    return ++entry.count > ALLOWED ? Math.max(1, Math.ceil((entry.since + WINDOW - now) / 1000)) : undefined
  }
}
