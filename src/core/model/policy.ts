import type { DogRecord, Failure, Ledger } from '../../../index.js'

/**
 * When a value is good and when a fetch may be made: pure functions of (record or ledger, now). Every caller and every test
 * agrees on the boundaries because they stand here only. Times are epoch milliseconds unless a name says otherwise.
 */
export type State = 'fresh' | 'due' | 'expired'

/** A record or failure that claims to be from later than this is from a clock that was wrong, now or then. */
const MAX_CLOCK_SKEW_MS = 60_000

export function stateOf(record: DogRecord, now: number): State {
  if (now >= record.expiresAt) return 'expired'
  if (now >= record.expiresAt - record.ahead * 1000) return 'due'
  return record.fetchedAt > now + MAX_CLOCK_SKEW_MS ? 'due' : 'fresh'
}

/** Seconds before the expiry at which a value of that lifetime is due, where nobody says otherwise. */
export const defaultRefreshAhead = (lifetime: number): number => Math.min(300, lifetime / 10)

export interface Quota {
  limit: number
  /** Seconds. */
  window: number
}

export const DAY_S = 86_400

/** The ledger with one more attempt, counted before the fetch: a process killed in mid-fetch must not escape the quota. */
export function withAttempt(ledger: Ledger | undefined, now: number, window: number, fencingToken: number): Ledger {
  const { since, count } = currentWindow(ledger, now, window)
  return { ...ledger, fetches: { since, count: count + 1, last: fencingToken } }
}

/** Attempts in the window that is running now. A window that begins in the future is a wrong clock's: it begins now. */
export function currentWindow(ledger: Ledger | undefined, now: number, window: number): { since: number; count: number } {
  const fetches = ledger?.fetches
  const running = fetches !== undefined && now - fetches.since < window * 1000 && fetches.since <= now + MAX_CLOCK_SKEW_MS
  return running ? { since: fetches.since, count: fetches.count } : { since: now, count: 0 }
}

/** The time from which the quota allows another fetch, if it does not now. */
export function quotaEnd(ledger: Ledger | undefined, now: number, quota: Quota | undefined): number | undefined {
  if (quota === undefined) return undefined
  const { since, count } = currentWindow(ledger, now, quota.window)
  return count < quota.limit ? undefined : since + quota.window * 1000
}

/** The failure that all processes obey now, if any. */
export function standingFailure(ledger: Ledger | undefined, now: number): Failure | undefined {
  const failure = ledger?.failure
  if (failure === undefined || failure.at > now + MAX_CLOCK_SKEW_MS || failure.retryAt - failure.at > MAX_FAILURE_MS)
    return undefined
  return now < failure.retryAt ? failure : undefined
}

/** No failure closes a key for longer than the longest `retryAfter`, a week, whatever its record says. */
const MAX_FAILURE_MS = 8 * DAY_S * 1000

const FIRST_BACKOFF_MS = 1000
const MAX_BACKOFF_MS = 60_000

/**
 * The ledger with one more failure. Without `retryAfter` (seconds, from the upstream) the wait doubles from 1 s to 60 s, with
 * jitter in its upper half: as one holder probes for all, spreading matters less than that no probe follows at once.
 */
export function withFailure(
  ledger: Ledger,
  now: number,
  failure: { code: string; message: string; retryAfter?: number },
  random: number = Math.random(),
): Ledger {
  const count = (ledger.failure?.count ?? 0) + 1
  const backoff = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(count - 1, 10))
  const wait = failure.retryAfter === undefined ? (backoff * (1 + random)) / 2 : failure.retryAfter * 1000
  const { code, message } = failure
  return { ...ledger, failure: { at: now, count, retryAt: Math.ceil(now + wait), code, message } }
}

/** The ledger after a success. */
export function withoutFailure(ledger: Ledger): Ledger {
  if (ledger.failure === undefined && ledger.aborted === undefined) return ledger
  const { failure, aborted, ...rest } = ledger
  return rest
}
