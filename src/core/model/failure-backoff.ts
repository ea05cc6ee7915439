import type { Failure, Ledger } from '../../../index.js'
import { MAX_CLOCK_SKEW_MS } from './freshness.js'
import { DAY_S } from './quota.js'

/** The back-off after a failed fetch, which all processes obey. Pure: ledgers in, ledgers out. */

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

interface FailureToRecord extends Pick<Failure, 'code' | 'message' | 'credentialIds'> {
  details?: Failure['details'] | undefined
  /** Seconds. */
  retryAfter?: number | undefined
}

/**
 * Returns the ledger with one more failure. Without `retryAfter` (seconds, from the upstream) the
 * wait doubles from 1 s to 60 s, with jitter in its upper half only. One holder probes for all
 * processes, so it matters more that no probe follows at once than that the probes are spread.
 */
export function withFailure(ledger: Ledger, now: number, failure: FailureToRecord, random: number = Math.random()): Ledger {
  const count = (ledger.failure?.count ?? 0) + 1
  const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(count - 1, 10))
  const waitMs = failure.retryAfter === undefined ? (backoffMs * (1 + random)) / 2 : failure.retryAfter * 1000
  const { code, message, details } = failure
  const credentialIds = failedCredentials(ledger.failure, failure.credentialIds)
  const retryAt = Math.ceil(now + waitMs)
  return { ...ledger, failure: { at: now, count, retryAt, code, message, ...(details && { details }), ...credentialIds } }
}

/** A ledger keeps this many failed credentials. With more, a failure holds for all. */
const MAX_CREDENTIALS = 16

/**
 * All credentials that failed since the last success: two processes with two dead ones must not take
 * turns without a back-off.
 */
function failedCredentials(last: Failure | undefined, ids: readonly string[] | undefined): Pick<Failure, 'credentialIds'> {
  if (ids === undefined) return {}
  const all = [...new Set([...(last?.credentialIds ?? []), ...ids])]
  return all.length > MAX_CREDENTIALS ? {} : { credentialIds: all }
}

/** Whether a failure is one of other credentials than this. */
export const isOfOthers = ({ credentialIds }: Failure, credentialId: string | undefined): boolean =>
  credentialIds !== undefined && credentialId !== undefined && !credentialIds.includes(credentialId)

/** Returns the ledger as it is after a success. */
export function withoutFailure(ledger: Ledger): Ledger {
  if (ledger.failure === undefined && ledger.aborted === undefined) return ledger
  const { failure, aborted, ...rest } = ledger
  return rest
}
