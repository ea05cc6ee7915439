import type { Ledger } from '../../../index.js'
import { currentWindow, type Quota } from './quota.js'

/**
 * What a removal means for values whose fetch began before it, and how long its ledger is kept.
 * Pure: ledgers in, ledgers out.
 */

/** Seconds after a key's time-out in which a late answer is to be expected. */
const LATE_ANSWER_GRACE_S = 2

/**
 * The ledger after a removal: a value with a fencing token up to this one is void, because its fetch
 * began before. The ledger is kept while its attempts count for the quota, while its failure is
 * obeyed, and while a late answer is to be expected. It is not needed after that: a late answer that
 * finds neither a record nor a ledger that knows it is void as well.
 *
 * @param timeout seconds that a fetch of the key may take
 */
export function withRemoval(
  ledger: Ledger | undefined,
  now: number,
  fencingToken: number,
  { timeout, quota }: { timeout: number; quota: Quota | undefined },
): Ledger {
  const { since = now, count = 0, last = 0 } = ledger?.fetches ?? {}
  const window = quota && currentWindow(ledger, now, quota.window)
  const windowEnd = window !== undefined && window.count > 0 ? window.since + quota!.window * 1000 : 0
  const lateUntil = now + (2 * timeout + LATE_ANSWER_GRACE_S) * 1000
  const keepUntil = Math.ceil(Math.max(lateUntil, windowEnd, ledger?.failure?.retryAt ?? 0))
  return { ...ledger, fetches: { since, count, last: Math.max(last, fencingToken) }, voidUpTo: fencingToken, keepUntil }
}

/** Whether a value was removed after its fetch began. */
export const isVoid = (ledger: Ledger | undefined, generation: number): boolean => generation <= (ledger?.voidUpTo ?? 0)

/** Whether the ledger has counted the fetch of this generation. One that has not was made after the key was removed. */
export const isKnownFetch = (ledger: Ledger | undefined, generation: number): boolean =>
  ledger !== undefined && generation >= (ledger.firstToken ?? 0) && generation <= ledger.fetches.last

/**
 * Whether the ledger of a key that has no record can be deleted: it was removed, its time is over,
 * and no fetch has begun since. The clock must be past its last fencing token, because the tokens
 * of a key without a ledger begin at the clock.
 */
export const isRemovalOver = ({ keepUntil, voidUpTo = 0, fetches }: Ledger, now: number): boolean =>
  keepUntil !== undefined && keepUntil <= now && fetches.last <= voidUpTo && fetches.last < Math.floor(now)
