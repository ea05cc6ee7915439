// Counters that begin anew with each day, minute or month of the platform's calendar, which is Beijing's.

/** Beijing has had no daylight saving time since 1991. */
const BEIJING = 8 * 3600 * 1000

/** Each gives the period that a moment (epoch milliseconds) falls in, as a number. */
export const dayOf = (now: number): number => Math.floor((now + BEIJING) / 86_400_000)
export const minuteOf = (now: number): number => Math.floor(now / 60_000)
export function monthOf(now: number): number {
  const date = new Date(now + BEIJING)
  return date.getUTCFullYear() * 12 + date.getUTCMonth()
}

export interface Counter {
  readonly limit: number
  used(now: number): number
  /** Counts one more; `false`: the limit is reached, and nothing is counted. */
  take(now: number): boolean
  clear(): void
}

export function createCounter(limit: number, periodOf: (now: number) => number): Counter {
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
