import { isShallow, limitRefreshAhead, MAX_DEPTH } from '../shared/format.js'
import { DogError } from './errors.js'
import { expiryOf, UnusableResult } from './expiry.js'
import { defaultRefreshAhead } from './policy.js'

/** A fetcher's answer, checked: what a record is made of. Nothing here says a value in a message. */
export interface FetchResult {
  value: unknown
  /** Epoch milliseconds at which the fetch started. */
  fetchedAt: number
  /** Epoch milliseconds. */
  expiresAt: number
  /** Seconds. */
  ahead: number
}

/** Bytes. As much as fits into a file of 1 MiB when it is encrypted, with room for the rest of the record. */
const MAX_VALUE_BYTES = 700_000

/** The value as every process will see it: through JSON. */
export function toStorable(value: unknown): unknown {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch {
    throw new UnusableResult('the value cannot be stored as JSON')
  }
  if (text === undefined) throw new UnusableResult(`the value is ${value === undefined ? 'undefined' : `a ${typeof value}`}`)
  if (Buffer.byteLength(text) > MAX_VALUE_BYTES) throw new UnusableResult(`the value is larger than ${MAX_VALUE_BYTES} bytes`)
  const stored = typeof value === 'object' || typeof value === 'number' ? JSON.parse(text) : value
  // One level less: the record is the outermost.
  if (!isShallow(stored, MAX_DEPTH - 1)) throw new UnusableResult(`the value is nested deeper than ${MAX_DEPTH - 1} levels`)
  return stored
}

/**
 * Checks an answer.
 *
 * @param given from the promise or the handler; a handler's call without a lifetime is one that is over (as in guard_dog)
 * @param option the key's `refreshAhead`, seconds
 */
export function checkFetchResult(
  key: string,
  given: { value?: unknown; expiresIn?: unknown; expiresAt?: unknown; refreshAhead?: unknown },
  start: number,
  option: number | undefined,
): FetchResult {
  try {
    const value = toStorable(given.value)
    const expiresAt = expiryOf(given, start)
    const lifetime = Math.max(0, (expiresAt - Math.round(start)) / 1000)
    const wanted = given.refreshAhead === undefined ? (option ?? defaultRefreshAhead(lifetime)) : Number(given.refreshAhead)
    if (!(wanted >= 0)) throw new UnusableResult('refreshAhead must be a number of seconds, 0 or more')
    return { value, fetchedAt: Math.round(start), expiresAt, ahead: limitRefreshAhead(wanted, lifetime) }
  } catch (error) {
    if (!(error instanceof UnusableResult)) throw error
    const hint = given.value === undefined ? ' (did the upstream answer with an error?)' : ''
    throw new DogError('ERR_DOG_FETCH_RESULT', `The fetcher of "${key}" gave no usable answer: ${error.message}${hint}`, {
      key,
    })
  }
}
