import type { Failure } from '../../../index.js'
import { now } from '../shared/clock.js'
import { messageOf } from '../shared/redact.js'
import { DogError } from './errors.js'

/** How a fetcher's error becomes an entry in the ledger, and an entry an error in every process. */

/** What the engine itself says of a fetch; everything else is the fetcher's word. */
const ENGINE_CODES = [
  'ERR_DOG_FETCH_TIMEOUT',
  'ERR_DOG_FETCH_RESULT',
  'ERR_DOG_STORE',
  'ERR_DOG_CYCLE',
  'ERR_DOG_CLOSED',
] as const
/** These are no word of the upstream: the next caller may try at once. */
const UNRECORDED_CODES: readonly string[] = ['ERR_DOG_STORE', 'ERR_DOG_CYCLE', 'ERR_DOG_CLOSED']

/** Characters of a message that a ledger keeps. */
const MAX_MESSAGE_CHARS = 200

/** Seconds; at most a week, so that no upstream's mistake closes a key for good. */
const MAX_RETRY_AFTER_S = 7 * 86_400

export interface FailureDescription {
  code: string
  message: string
  /** Seconds that the upstream asked for. */
  retryAfter: number | undefined
  /** `aborted`: its own process broke the fetch off; `none`: it says nothing of the upstream. */
  kind: 'recorded' | 'aborted' | 'none'
}

export function describeFailure(key: string, error: unknown): FailureDescription {
  if (isOurs(error) && ENGINE_CODES.includes(error.code as never)) {
    // A fetcher may throw one of its own making: its message is as little to be trusted as any.
    const kind = UNRECORDED_CODES.includes(error.code) ? 'none' : 'recorded'
    return { code: error.code, message: messageOf(error), retryAfter: retryAfterOf(error), kind }
  }
  const message = `The fetcher of "${key}" failed: ${messageOf(error)}`.slice(0, MAX_MESSAGE_CHARS)
  const kind = fieldOf(error, 'name') === 'AbortError' ? 'aborted' : 'recorded'
  return { code: 'ERR_DOG_FETCH', message, retryAfter: retryAfterOf(error), kind }
}

/** The error that a recorded failure is, here and in every other process. */
export function recordedError(key: string, failure: Failure, cause?: unknown): DogError {
  const { code, message, retryAt } = failure
  const isOwn = isOurs(cause) && cause.code === code
  return new DogError(code as DogError['code'], message, { key, retryAt, cause: isOwn ? undefined : cause })
}

/** The error of a failure that is not recorded. */
export function unrecordedError(key: string, { code, message }: FailureDescription, cause: unknown): DogError {
  const own = isOurs(cause) && cause.code === code ? cause : undefined
  // Never the error itself: the fetcher may have made it, and hung anything on it.
  const fields = own === undefined ? { key, cause } : { key: own.key ?? key, path: own.path, cause: own.cause }
  return new DogError(code as DogError['code'], message, fields)
}

/** How long the upstream wants to be left alone: `error.retryAfter` in seconds, or the `retryAt` of another key's failure. */
function retryAfterOf(error: unknown): number | undefined {
  const retryAfter = fieldOf(error, 'retryAfter')
  if (typeof retryAfter === 'number' && retryAfter >= 0) return Math.min(retryAfter, MAX_RETRY_AFTER_S)
  if (!isOurs(error) || error.retryAt === undefined) return undefined
  return Math.min(Math.max(0, (error.retryAt - now()) / 1000), MAX_RETRY_AFTER_S)
}

/** A revoked proxy throws when it is asked what it is. */
function isOurs(error: unknown): error is DogError {
  try {
    return error instanceof DogError
  } catch {
    return false
  }
}

/** Reads what anybody may have thrown: a getter of it may throw in turn. */
function fieldOf(error: unknown, name: string): unknown {
  try {
    return Object(error)[name]
  } catch {
    return undefined
  }
}
