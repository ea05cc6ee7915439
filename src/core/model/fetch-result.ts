import { limitRefreshAhead } from '../shared/format.js'
import { redact } from '../shared/redact.js'
import { DogError } from './errors.js'
import { defaultRefreshAhead } from './freshness.js'
import { toStorable } from './json-value.js'
import { expiryOf, UnusableResult } from './parse-expiry.js'

/**
 * A fetcher's answer after its check: the fields from which a record is made. No message in this
 * file shows a value.
 */
export interface FetchResult {
  value: unknown
  /** Epoch milliseconds at which the fetch started. */
  fetchedAt: number
  /** Epoch milliseconds. */
  expiresAt: number
  /** Seconds. */
  ahead: number
}

/** The members of an answer that are named in a message. */
const MAX_SHOWN_MEMBERS = 8
const RESULT_MEMBERS = ['value', 'expiresIn', 'expiresAt', 'refreshAhead']

/** What a fetcher answered instead of a result, in words and without a value: an object by its members. */
export function describeAnswer(answer: unknown): string {
  if (typeof answer !== 'object' || answer === null) return answer === null ? 'null' : `a ${typeof answer}`
  return Array.isArray(answer) ? 'an array' : membersOf(answer)
}

function membersOf(answer: object): string {
  const names = Object.keys(answer)
  // A name that looks like no name may be the secret itself.
  const shown = names.slice(0, MAX_SHOWN_MEMBERS).map((name) => (/^[a-z_$][\w$-]{0,29}$/i.test(name) ? redact(name) : '…'))
  if (names.length > MAX_SHOWN_MEMBERS) shown.push('…')
  return shown.length === 0 ? '{}' : `{ ${shown.join(', ')} }`
}

type GivenResult = { value?: unknown; expiresIn?: unknown; expiresAt?: unknown; refreshAhead?: unknown }

/**
 * Reads a result, from the promise or the handler of a fetcher or from `set`.
 *
 * @param start epoch milliseconds from which a lifetime counts
 * @param refreshAheadOption the key's `refreshAhead`, seconds
 * @throws UnusableResult that says what is wrong, never a value.
 */
export function toFetchResult(given: GivenResult, start: number, refreshAheadOption: number | undefined): FetchResult {
  const value = toStorable(given.value)
  const expiresAt = expiryOf(given, start)
  const lifetime = Math.max(0, (expiresAt - Math.round(start)) / 1000)
  const wanted =
    given.refreshAhead === undefined ? (refreshAheadOption ?? defaultRefreshAhead(lifetime)) : Number(given.refreshAhead)
  if (!(wanted >= 0)) throw new UnusableResult('refreshAhead must be a number of seconds, 0 or more')
  return { value, fetchedAt: Math.round(start), expiresAt, ahead: limitRefreshAhead(wanted, lifetime) }
}

/**
 * The same for a fetcher's result.
 *
 * @throws DogError `ERR_DOG_FETCH_RESULT`.
 */
export function checkFetchResult(
  key: string,
  given: GivenResult,
  start: number,
  refreshAheadOption: number | undefined,
): FetchResult {
  try {
    return toFetchResult(given, start, refreshAheadOption)
  } catch (error) {
    if (!(error instanceof UnusableResult)) throw error
    const hint = given.value === undefined ? ' (did the upstream answer with an error?)' : ''
    const isOdd = Object.keys(given).some((name) => !RESULT_MEMBERS.includes(name))
    const members = isOdd ? `; it answered ${membersOf(given)}` : ''
    const message = `The fetcher of "${key}" gave no usable answer: ${error.message}${hint}${members}`
    throw new DogError('ERR_DOG_FETCH_RESULT', message, { key })
  }
}
