/** Counters that start again with each day, minute or month of the platform's calendar (Beijing's). */

/** Constant, because Beijing has had no daylight saving time since 1991. */
const BEIJING_OFFSET_MS = 8 * 3600 * 1000

// Each function numbers the periods, and returns the number of the one that contains `now`, a time
// in epoch milliseconds.

export const dayOf = (now: number): number => Math.floor((now + BEIJING_OFFSET_MS) / 86_400_000)
export const minuteOf = (now: number): number => Math.floor(now / 60_000)
export function monthOf(now: number): number {
  const date = new Date(now + BEIJING_OFFSET_MS)
  return date.getUTCFullYear() * 12 + date.getUTCMonth()
}

export interface QuotaCounter {
  /** Calls in one period. */
  readonly limit: number
  /** Calls counted in the period of `now`. */
  used(now: number): number
  /** Counts one call. Returns `false`, and counts nothing, if the limit is reached. */
  take(now: number): boolean
  /** Sets the current period back to 0. */
  clear(): void
}

export function createQuotaCounter(limit: number, periodOf: (now: number) => number): QuotaCounter {
  let period: number | undefined
  let used = 0

  function usedAt(now: number): number {
    if (periodOf(now) !== period) {
      period = periodOf(now)
      used = 0
    }
    return used
  }

  return {
    limit,
    used: usedAt,
    take(now) {
      if (usedAt(now) >= limit) return false
      used += 1
      return true
    },
    clear() {
      used = 0
    },
  }
}
