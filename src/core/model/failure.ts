import type { Failure } from '../../../index.js'
import { now } from '../shared/clock.js'
import { cutText, messageOf } from '../shared/redact.js'
import { type Details, detailsOfError } from './details.js'
import { DogError, isDogError } from './errors.js'
import { fieldOf } from './field-of.js'

/**
 * Turns a fetcher's error into an entry in the ledger, and an entry into the error that every
 * process throws.
 */

/** Codes with which the engine itself reports a fetch. Any other error comes from the fetcher. */
const ENGINE_CODES = [
  'ERR_DOG_FETCH_TIMEOUT',
  'ERR_DOG_FETCH_RESULT',
  'ERR_DOG_STORE',
  'ERR_DOG_CYCLE',
  'ERR_DOG_CLOSED',
] as const
/**
 * Errors with these codes say nothing of the upstream. They are not recorded, and the next caller
 * may try at once.
 */
const UNRECORDED_CODES: readonly string[] = ['ERR_DOG_STORE', 'ERR_DOG_CYCLE', 'ERR_DOG_CLOSED']

/** One week. A longer wait asked for by mistake would close a key for good. */
const MAX_RETRY_AFTER_S = 7 * 86_400

export interface FailureDescription {
  code: string
  message: string
  details: Details | undefined
  /** Seconds that the upstream asked for. */
  retryAfter: number | undefined
  /** The error says nothing of other credentials than these. */
  credentialIds?: readonly string[]
  /**
   * `aborted`: this process broke its own fetch off. `none`: the error says nothing of the
   * upstream.
   */
  kind: 'recorded' | 'aborted' | 'none'
}

export function describeFailure(key: string, error: unknown): FailureDescription {
  const common = { details: detailsOfError(error), retryAfter: retryAfterOf(error) }
  if (isDogError(error) && ENGINE_CODES.includes(error.code as never)) {
    // A fetcher may throw a DogError that it made itself, so that this message is not to be trusted
    // either.
    const kind = UNRECORDED_CODES.includes(error.code) ? 'none' : 'recorded'
    return { code: error.code, message: messageOf(error), kind, ...common }
  }
  const message = cutText(`The fetcher of "${key}" failed: ${messageOf(error)}`)
  const kind = fieldOf(error, 'name') === 'AbortError' ? 'aborted' : isOfThisProcess(key, error) ? 'none' : 'recorded'
  const credentialIds = credentialIdsOf(error)
  return { code: 'ERR_DOG_FETCH', message, kind, ...common, ...(credentialIds && { credentialIds }) }
}

/** The error for a recorded failure, in this process and in every other. */
export function recordedError(key: string, failure: Failure, cause?: unknown): DogError {
  const { code, message, retryAt } = failure
  const isSameError = isDogError(cause) && cause.code === code
  const recorded = new DogError(code as DogError['code'], message, { key, retryAt, cause: isSameError ? undefined : cause })
  // They were redacted when they were recorded. Each error has a copy, because the ledger may be in memory.
  const details = failure.details && (JSON.parse(JSON.stringify(failure.details)) as Details)
  return Object.assign(recorded, { details })
}

/** The error for a failure that is not recorded. */
export function unrecordedError(key: string, { code, message, details }: FailureDescription, cause: unknown): DogError {
  const original = isDogError(cause) && cause.code === code ? cause : undefined
  // The original error is copied and never thrown: the fetcher may have made it and attached
  // anything to it.
  const fields =
    original === undefined ? { key, cause } : { key: original.key ?? key, path: original.path, cause: original.cause }
  return new DogError(code as DogError['code'], message, { ...fields, details })
}

/**
 * How many seconds the upstream wants to be left alone: the error's `retryAfter` in seconds, or the
 * time left until the `retryAt` of another key's failure.
 */
function retryAfterOf(error: unknown): number | undefined {
  const retryAfter = fieldOf(error, 'retryAfter')
  if (typeof retryAfter === 'number' && retryAfter >= 0) return Math.min(retryAfter, MAX_RETRY_AFTER_S)
  if (!isDogError(error) || error.retryAt === undefined) return undefined
  return Math.min(Math.max(0, (error.retryAt - now()) / 1000), MAX_RETRY_AFTER_S)
}

/** This process lacks what the fetch needs, such as a secret. Others may have it. */
const isOfThisProcess = (key: string, error: unknown): boolean =>
  isDogError(error) && error.code === 'ERR_DOG_NO_FETCHER' && (error.key ?? key) === key

const MAX_CREDENTIAL_ID_CHARS = 64

/** Of a long text, which may be the secret itself, nothing is kept. */
function credentialIdsOf(error: unknown): readonly string[] | undefined {
  const ids = fieldOf(error, 'credentialIds')
  const isId = (id: unknown) => typeof id === 'string' && id !== '' && id.length <= MAX_CREDENTIAL_ID_CHARS
  return Array.isArray(ids) && ids.length > 0 && ids.every(isId) ? [...ids] : undefined
}
