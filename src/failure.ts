import type { Failure } from '../index.js'
import { now } from './clock.js'
import { DogError } from './errors.js'
import { messageOf } from './redact.js'

/** How a fetcher's error becomes an entry in the ledger, and an entry an error in every process. */

/** What the engine itself says of a fetch; everything else is the fetcher's word. */
const OWN = ['ERR_DOG_FETCH_TIMEOUT', 'ERR_DOG_FETCH_RESULT', 'ERR_DOG_STORE', 'ERR_DOG_CYCLE', 'ERR_DOG_CLOSED'] as const
/** These are no word of the upstream: the next caller may try at once. */
const UNRECORDED: readonly string[] = ['ERR_DOG_STORE', 'ERR_DOG_CYCLE', 'ERR_DOG_CLOSED']

export interface Described {
  code: string
  message: string
  isRecorded: boolean
}

export function failureOf(key: string, error: unknown): Described {
  const own = error instanceof DogError && OWN.includes(error.code as never)
  if (own) return { code: error.code, message: error.message, isRecorded: !UNRECORDED.includes(error.code) }
  return {
    code: 'ERR_DOG_FETCH',
    message: `The fetcher of "${key}" failed: ${messageOf(error)}`.slice(0, 200),
    isRecorded: true,
  }
}

/** The error that a recorded failure is, here and in every other process. */
export function recordedError(key: string, failure: Failure, cause?: unknown): DogError {
  const { code, message, retryAt } = failure
  const own = cause instanceof DogError && cause.code === code
  return new DogError(code as DogError['code'], message, { key, retryAt, cause: own ? undefined : cause })
}

/** Seconds; at most a week, so that no upstream's mistake closes a key for good. */
const LONGEST = 7 * 86_400

/** How long the upstream wants to be left alone: `error.retryAfter` in seconds, or the `retryAt` of another key's failure. */
export function retryAfterOf(error: unknown): number | undefined {
  const { retryAfter, retryAt } = Object(error) as { retryAfter?: unknown; retryAt?: unknown }
  if (typeof retryAfter === 'number' && retryAfter >= 0) return Math.min(retryAfter, LONGEST)
  if (error instanceof DogError && typeof retryAt === 'number') return Math.min(Math.max(0, (retryAt - now()) / 1000), LONGEST)
  return undefined
}
