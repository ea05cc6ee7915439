import type { DogRecord, Failure, Ledger } from '../../../index.js'
import { DogError } from '../model/errors.js'
import { type FailureDescription, recordedError } from '../model/failure.js'
import { isOfOthers, standingFailure, withFailure, withoutFailure } from '../model/failure-backoff.js'
import { isSameJson } from '../model/json-value.js'
import type { KeyConfig } from '../model/options.js'
import { quotaEnd } from '../model/quota.js'
import { now } from '../shared/clock.js'
import type { Requirement } from './requirement.js'

/** Whether the ledger, which all processes share, admits a fetch, and what a fetch leaves in it. Stores nothing. */

/**
 * A value that is rejected within this time after its fetch counts as a failure of the upstream:
 * otherwise a broken upstream makes a loop. A caller that forces a refresh has reasons of its own, which
 * say nothing of the upstream.
 */
const MIN_ACCEPTED_AGE_MS = 60_000

/** Whether a failure is one of other credentials than this process has. It is asked for its own only where that matters. */
async function isForOthers(failure: Failure, { credentialId }: KeyConfig): Promise<boolean> {
  if (failure.credentialIds === undefined || credentialId === undefined) return false
  const ask = async () => (typeof credentialId === 'string' ? credentialId : await credentialId())
  return isOfOthers(failure, await ask().catch(() => undefined))
}

/** A failure recorded while a caller was waiting also applies to that caller. */
export async function newFailureSince(
  key: string,
  config: KeyConfig,
  ledger: Ledger | undefined,
  initialLedger: Ledger | undefined,
): Promise<DogError | undefined> {
  const failure = ledger?.failure
  const last = initialLedger?.failure
  if (failure === undefined || (failure.at === last?.at && failure.count === last.count)) return undefined
  if (await isForOthers(failure, config)) return undefined
  // A rejected value is a failure of the upstream, but there is a new value.
  return failure.code === 'ERR_DOG_REJECTED' ? undefined : recordedError(key, failure)
}

/** Why no fetch may be made now: no fetcher, the back-off, or the quota. Undefined if one may be made. */
export async function denial(
  key: string,
  config: KeyConfig,
  requirement: Requirement,
  ledger: Ledger | undefined,
): Promise<DogError | undefined> {
  const { fetcher, followOnly, quota } = config
  if (followOnly || fetcher === undefined) {
    const message = `"${key}" has no usable value here, and no fetcher: init it, or run the process that does`
    return new DogError('ERR_DOG_NO_FETCHER', message, { key })
  }
  const failure = requirement.force ? undefined : standingFailure(ledger, now())
  if (failure !== undefined && !(await isForOthers(failure, config))) return recordedError(key, failure)
  const retryAt = quotaEnd(ledger, now(), quota)
  if (quota === undefined || retryAt === undefined) return undefined
  const message = `"${key}" was fetched ${quota.limit} times in ${quota.window} s, which is its quota`
  return new DogError('ERR_DOG_QUOTA', message, { key, retryAt })
}

/** The ledger after a fetch: the failure is over, unless the upstream gave a value that it does not accept itself. */
export function ledgerAfterSuccess(
  counted: Ledger,
  requirement: Requirement,
  previous: DogRecord | undefined,
  record: DogRecord,
): Ledger {
  const { rejected, force } = requirement
  if (rejected !== undefined && previous !== undefined) {
    const isSame = isSameJson(record.value, rejected)
    const wasYoung = isSameJson(previous.value, rejected) && record.fetchedAt - previous.fetchedAt < MIN_ACCEPTED_AGE_MS
    const message = isSame ? 'the upstream gave the rejected value again' : 'a value was rejected right after its fetch'
    if (isSame || (wasYoung && !force)) return withFailure(counted, now(), { code: 'ERR_DOG_REJECTED', message })
  }
  return withoutFailure(counted)
}

/**
 * The ledger after a fetch that failed; the same one if no other process has to know.
 * A fetch that its own process aborted is no failure, and waiters may try at once. Two aborts in a row
 * count as a failure: they are an upstream that hangs, and a fetcher with a time-out of its own.
 */
export function ledgerAfterFailure(counted: Ledger, failure: FailureDescription): Ledger {
  if (failure.kind === 'none') return counted
  if (failure.kind === 'aborted' && counted.aborted !== true) return { ...counted, aborted: true }
  return withFailure(counted, now(), failure)
}
