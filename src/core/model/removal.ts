import type { Ledger } from '../../../index.js'

/** What a removal means for values whose fetch began before it. Pure: ledgers in, ledgers out. */

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
