import { boundAhead, DEEPEST, isShallow } from '../shared/format.js'
import { DogError } from './errors.js'
import { endOf, Unusable } from './expiry.js'
import { defaultAhead } from './policy.js'

/** A fetcher's answer, checked: what a record is made of. Nothing here says a value in a message. */
export interface Answer {
  value: unknown
  /** Epoch milliseconds at which the fetch started. */
  fetchedAt: number
  /** Epoch milliseconds. */
  expiresAt: number
  /** Seconds. */
  ahead: number
}

/** Bytes. As much as fits into a file of 1 MiB when it is encrypted, with room for the rest of the record. */
const LONGEST = 700_000

/** The value as every process will see it: through JSON. */
export function storable(value: unknown): unknown {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch {
    throw new Unusable('the value cannot be stored as JSON')
  }
  if (text === undefined) throw new Unusable(`the value is ${value === undefined ? 'undefined' : `a ${typeof value}`}`)
  if (Buffer.byteLength(text) > LONGEST) throw new Unusable(`the value is larger than ${LONGEST} bytes`)
  const stored = typeof value === 'object' || typeof value === 'number' ? JSON.parse(text) : value
  // One level less: the record is the outermost.
  if (!isShallow(stored, DEEPEST - 1)) throw new Unusable(`the value is nested deeper than ${DEEPEST - 1} levels`)
  return stored
}

/**
 * Checks an answer.
 *
 * @param given from the promise or the handler; a handler's call without a lifetime is one that is over (as in guard_dog)
 * @param option the key's `ahead`, seconds
 */
export function checkAnswer(
  key: string,
  given: { value?: unknown; expiresIn?: unknown; expiresAt?: unknown; ahead?: unknown },
  start: number,
  option: number | undefined,
): Answer {
  try {
    const value = storable(given.value)
    const expiresAt = endOf(given, start)
    const lifetime = Math.max(0, (expiresAt - Math.round(start)) / 1000)
    const ahead = given.ahead === undefined ? (option ?? defaultAhead(lifetime)) : Number(given.ahead)
    if (!(ahead >= 0)) throw new Unusable('ahead must be a number of seconds, 0 or more')
    return { value, fetchedAt: Math.round(start), expiresAt, ahead: boundAhead(ahead, lifetime) }
  } catch (error) {
    if (!(error instanceof Unusable)) throw error
    const hint = given.value === undefined ? ' (did the upstream answer with an error?)' : ''
    throw new DogError('ERR_DOG_FETCH_RESULT', `The fetcher of "${key}" gave no usable answer: ${error.message}${hint}`, {
      key,
    })
  }
}
