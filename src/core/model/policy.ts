import type { DogRecord, Failure, Ledger } from '../../../index.js'

/**
 * Decides when a value is usable and when a fetch may be made. All functions are pure: they depend
 * on a record or ledger and on `now`. Every caller and every test agrees on the boundaries, because
 * they are defined only here. Times are epoch milliseconds unless a name says otherwise.
 */
export type State = 'fresh' | 'due' | 'expired'

/**
 * If a record or failure is dated further than this into the future, a clock is wrong, or was wrong
 * when it was written.
 */
const MAX_CLOCK_SKEW_MS = 60_000

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

export interface Quota {
  limit: number
  /** Seconds. */
  window: number
}

export const DAY_S = 86_400

/**
 * Returns the ledger with one more attempt. The attempt is counted before the fetch, so that a
 * process which is killed during the fetch does not escape the quota.
 */
export function withAttempt(ledger: Ledger | undefined, now: number, window: number, fencingToken: number): Ledger {
  const { since, count } = currentWindow(ledger, now, window)
  return { ...ledger, fetches: { since, count: count + 1, last: fencingToken } }
}

/**
 * The attempts in the current window. A window that begins in the future was written by a wrong
 * clock and is replaced by one that begins now.
 */
export function currentWindow(ledger: Ledger | undefined, now: number, window: number): { since: number; count: number } {
  const fetches = ledger?.fetches
  const isCurrent = fetches !== undefined && now - fetches.since < window * 1000 && fetches.since <= now + MAX_CLOCK_SKEW_MS
  return isCurrent ? { since: fetches.since, count: fetches.count } : { since: now, count: 0 }
}

/** The time from which the quota allows another fetch. `undefined` if it allows one now. */
export function quotaEnd(ledger: Ledger | undefined, now: number, quota: Quota | undefined): number | undefined {
  if (quota === undefined) return undefined
  const { since, count } = currentWindow(ledger, now, quota.window)
  return count < quota.limit ? undefined : since + quota.window * 1000
}

/** The failure whose `retryAt` all processes obey now, if there is one. */
export function standingFailure(ledger: Ledger | undefined, now: number): Failure | undefined {
  const failure = ledger?.failure
  if (failure === undefined || failure.at > now + MAX_CLOCK_SKEW_MS || failure.retryAt - failure.at > MAX_FAILURE_MS)
    return undefined
  return now < failure.retryAt ? failure : undefined
}

/**
 * A failure with a longer wait than this is ignored, whatever the ledger says. The limit lies above
 * the longest `retryAfter`, a week.
 */
const MAX_FAILURE_MS = 8 * DAY_S * 1000

const FIRST_BACKOFF_MS = 1000
const MAX_BACKOFF_MS = 60_000

/**
 * Returns the ledger with one more failure. Without `retryAfter` (seconds, from the upstream) the
 * wait doubles from 1 s to 60 s, with jitter in its upper half only. One holder probes for all
 * processes, so it matters more that no probe follows at once than that the probes are spread.
 */
export function withFailure(
  ledger: Ledger,
  now: number,
  failure: { code: string; message: string; retryAfter?: number },
  random: number = Math.random(),
): Ledger {
  const count = (ledger.failure?.count ?? 0) + 1
  const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(count - 1, 10))
  const waitMs = failure.retryAfter === undefined ? (backoffMs * (1 + random)) / 2 : failure.retryAfter * 1000
  const { code, message } = failure
  return { ...ledger, failure: { at: now, count, retryAt: Math.ceil(now + waitMs), code, message } }
}

/**
 * The ledger after a removal: a value with a fencing token up to this one is void, because its fetch
 * began before.
 */
export function withRemoval(ledger: Ledger | undefined, now: number, fencingToken: number): Ledger {
  const { since = now, count = 0, last = 0 } = ledger?.fetches ?? {}
  return { ...ledger, fetches: { since, count, last: Math.max(last, fencingToken) }, voidUpTo: fencingToken }
}

/** Whether a value was removed after its fetch began. */
export const isVoid = (ledger: Ledger | undefined, generation: number): boolean => generation <= (ledger?.voidUpTo ?? 0)

/** Returns the ledger as it is after a success. */
export function withoutFailure(ledger: Ledger): Ledger {
  if (ledger.failure === undefined && ledger.aborted === undefined) return ledger
  const { failure, aborted, ...rest } = ledger
  return rest
}
