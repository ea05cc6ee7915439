import type { Failure } from '../index.js'
import { now } from './clock.js'
import { DogError } from './errors.js'
import { messageOf } from './redact.js'

/** How a fetcher's error becomes an entry in the ledger, and an entry an error in every process. */

/** What the engine itself says of a fetch; everything else is the fetcher's word. */
const OWN = ['ERR_DOG_FETCH_TIMEOUT', 'ERR_DOG_FETCH_RESULT', 'ERR_DOG_STORE', 'ERR_DOG_CYCLE', 'ERR_DOG_CLOSED'] as const
/** These are no word of the upstream: the next caller may try at once. */
const UNRECORDED: readonly string[] = ['ERR_DOG_STORE', 'ERR_DOG_CYCLE', 'ERR_DOG_CLOSED']

/** Characters of a message that a ledger keeps. */
const LONGEST_MESSAGE = 200

/** Seconds; at most a week, so that no upstream's mistake closes a key for good. */
const LONGEST_WAIT = 7 * 86_400

export interface Described {
  code: string
  message: string
  isRecorded: boolean
}

export function failureOf(key: string, error: unknown): Described {
  if (isOurs(error) && OWN.includes(error.code as never)) {
    // A fetcher may throw one of its own making: its message is as little to be trusted as any.
    return { code: error.code, message: messageOf(error), isRecorded: !UNRECORDED.includes(error.code) }
  }
  const message = `The fetcher of "${key}" failed: ${messageOf(error)}`.slice(0, LONGEST_MESSAGE)
  // What the user's own code aborted is no failure of the upstream.
  return { code: 'ERR_DOG_FETCH', message, isRecorded: fieldOf(error, 'name') !== 'AbortError' }
}

/** The error that a recorded failure is, here and in every other process. */
export function recordedError(key: string, failure: Failure, cause?: unknown): DogError {
  const { code, message, retryAt } = failure
  const isOwn = isOurs(cause) && cause.code === code
  return new DogError(code as DogError['code'], message, { key, retryAt, cause: isOwn ? undefined : cause })
}

/** The error of a failure that is not recorded. */
export function unrecordedError(key: string, { code, message }: Described, cause: unknown): DogError {
  const isOwn = isOurs(cause) && cause.code === code
  return isOwn ? cause : new DogError(code as DogError['code'], message, { key, cause })
}

/** How long the upstream wants to be left alone: `error.retryAfter` in seconds, or the `retryAt` of another key's failure. */
export function retryAfterOf(error: unknown): number | undefined {
  const retryAfter = fieldOf(error, 'retryAfter')
  if (typeof retryAfter === 'number' && retryAfter >= 0) return Math.min(retryAfter, LONGEST_WAIT)
  if (!isOurs(error) || error.retryAt === undefined) return undefined
  return Math.min(Math.max(0, (error.retryAt - now()) / 1000), LONGEST_WAIT)
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
