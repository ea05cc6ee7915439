import type { Ledger } from '../../../index.js'
import { MAX_CLOCK_SKEW_MS } from './freshness.js'

/** Counts the attempts of a key, and decides whether its quota allows another. Pure: ledgers in, ledgers out. */

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
  const fetches = { since, count: count + 1, last: fencingToken }
  return ledger === undefined ? { fetches, firstToken: fencingToken } : { ...ledger, fetches }
}

/** Returns the ledger of a lease under which no upstream was asked: its fencing token is used, and no attempt counts. */
export function withoutAttempt(ledger: Ledger | undefined, now: number, fencingToken: number): Ledger {
  const { since = now, count = 0 } = ledger?.fetches ?? {}
  const fetches = { since, count, last: fencingToken }
  return ledger === undefined ? { fetches, firstToken: fencingToken } : { ...ledger, fetches }
}

/**
 * The attempts in the current window. A window that begins in the future was written by a wrong
 * clock and is replaced by one that begins now.
 */
export function currentWindow(ledger: Ledger | undefined, now: number, window: number): { since: number; count: number } {
  const fetches = ledger?.fetches
  // A ledger without an attempt, as a removal writes it, begins no window.
  const isCurrent =
    fetches !== undefined &&
    fetches.count > 0 &&
    now - fetches.since < window * 1000 &&
    fetches.since <= now + MAX_CLOCK_SKEW_MS
  return isCurrent ? { since: fetches.since, count: fetches.count } : { since: now, count: 0 }
}

/** The time from which the quota allows another fetch. `undefined` if it allows one now. */
export function quotaEnd(ledger: Ledger | undefined, now: number, quota: Quota | undefined): number | undefined {
  if (quota === undefined) return undefined
  const { since, count } = currentWindow(ledger, now, quota.window)
  return count < quota.limit ? undefined : since + quota.window * 1000
}
