import { DogError, type DogErrorCode, type DogRecord } from 'dotdog'
import { MAX_EPOCH_MS } from '../core/shared/format.js'
import type { RemoteResponse } from './http-client.js'

/** What the server's answers mean here. Pure. */

/** What the server may say of a fetch; anything else is its own trouble. */
const PASSED_ON: readonly string[] = [
  'ERR_DOG_NO_FETCHER',
  'ERR_DOG_FETCH',
  'ERR_DOG_FETCH_TIMEOUT',
  'ERR_DOG_FETCH_RESULT',
  'ERR_DOG_CYCLE',
  'ERR_DOG_WAIT_TIMEOUT',
  'ERR_DOG_QUOTA',
  'ERR_DOG_REJECTED',
  'ERR_DOG_IDENTITY',
  'ERR_DOG_DECRYPT',
] satisfies DogErrorCode[]

const MISSING = ['not_cached', 'unknown_key', 'ERR_DOG_NO_FETCHER']

/** Milliseconds that two clocks may be apart without meaning anything. */
const SKEW = 1000
/** Milliseconds that an answer is on its way at most; a long poll's request is older. */
const WAY = 2000

/** The value as a record. Its times are those of our clock, be the server's another. `undefined`: not an answer of ours. */
export function recordOf(key: string, { body, time, begun, ended }: RemoteResponse): DogRecord | undefined {
  const { value, expiresAt, generation } = body
  if (body.key !== key || value === undefined || !Number.isFinite(expiresAt) || !isGeneration(generation)) return undefined
  const isApart = time !== undefined && (time < begun - SKEW || time > ended + SKEW)
  // The server looked at its clock in between: what remains is rather less than more.
  const at = expiresAt as number
  const ends = isApart && at < MAX_EPOCH_MS ? at - time + Math.max(begun, ended - WAY) : at
  return { key, value, fetchedAt: Math.min(begun, ends), expiresAt: ends, ahead: 0, generation }
}

const isGeneration = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0

/**
 * Whether the server says that it has no valid value. What stands before it may answer 404 or 504 too, and means the way
 * there.
 */
export const isMissing = ({ body }: RemoteResponse): boolean => MISSING.includes(String(body.code))

/** The keys of a list of statuses. `undefined`: not an answer of ours. */
export function keysOf({ status, body: { keys } }: RemoteResponse): string[] | undefined {
  if (status !== 200 || !Array.isArray(keys)) return undefined
  const names = keys.map((entry: unknown) => Object(entry).key as unknown)
  return names.every((name) => typeof name === 'string') ? names : undefined
}

/** The problem that an answer is. */
export function problemOf(key: string, place: string, { status, body, retryAfter }: RemoteResponse): DogError {
  const { code, detail } = body
  if (typeof code === 'string' && PASSED_ON.includes(code)) {
    const retryAt = retryAfter === undefined ? undefined : Date.now() + retryAfter * 1000
    return new DogError(code as DogErrorCode, typeof detail === 'string' ? detail.slice(0, 500) : `${place} says ${code}`, {
      key,
      ...(retryAt !== undefined && { retryAt }),
    })
  }
  if (code === 'unknown_key') return new DogError('ERR_DOG_NO_FETCHER', `${place} has no key "${key}"`, { key })
  const what: Record<number, string> = {
    401: "does not take this client's token",
    403: `does not let this client do that with "${key}"`,
    429: 'has had too many requests from here',
    200: 'answered what is not an answer of dotdog',
  }
  return new DogError('ERR_DOG_STORE', `${place}: ${what[status] ?? `answered ${status}`}`, { key })
}
