import type { DogRecord } from '../../../index.js'

/**
 * Decides whether a value is fresh, due or expired. Pure: it depends on a record and on `now`. Every
 * caller and every test agrees on the boundaries, because they are defined only here. Times are
 * epoch milliseconds unless a name says otherwise.
 */
export type State = 'fresh' | 'due' | 'expired'

/**
 * If a record or failure is dated further than this into the future, a clock is wrong, or was wrong
 * when it was written.
 */
export const MAX_CLOCK_SKEW_MS = 60_000

export function stateOf(record: DogRecord, now: number): State {
  if (now >= record.expiresAt) return 'expired'
  if (now >= record.expiresAt - record.ahead * 1000) return 'due'
  return record.fetchedAt > now + MAX_CLOCK_SKEW_MS ? 'due' : 'fresh'
}

/**
 * The default for `refreshAhead`: the seconds before the expiry at which a value of that lifetime
 * is due.
 */
export const defaultRefreshAhead = (lifetime: number): number => Math.min(300, lifetime / 10)
