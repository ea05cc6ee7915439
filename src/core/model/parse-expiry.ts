import { MAX_EPOCH_MS } from '../shared/format.js'

/** Reads the many ways in which an upstream says how long a value lives. Pure. */

/**
 * Says what is wrong with a value or its lifetime. It becomes an ERR_DOG_FETCH_RESULT, or a
 * TypeError for `set`.
 */
export class UnusableResult extends Error {}

/**
 * A number below this (the year 1973) is taken for seconds given by mistake instead of epoch
 * milliseconds.
 */
const MIN_EPOCH_MS = 1e11

/**
 * A lifetime of at least this many seconds (38 years) is taken for an epoch in seconds or
 * milliseconds given by mistake. `Infinity` says that a value never expires.
 */
const MIN_MISTAKEN_EPOCH_S = 1.2e9

const isNumeric = (text: string): boolean => text.trim() !== '' && !Number.isNaN(Number(text))

/**
 * The end of a lifetime that began at `start`. Both are epoch milliseconds.
 *
 * @throws UnusableResult if neither field is given, or if the given one is no time.
 */
export function expiryOf(given: { expiresIn?: unknown; expiresAt?: unknown }, start: number): number {
  if (given.expiresAt !== undefined && given.expiresAt !== null) return fromAbsolute(given.expiresAt)
  if (given.expiresIn !== undefined && given.expiresIn !== null) return fromRelative(given.expiresIn, start)
  throw new UnusableResult('expiresIn or expiresAt is missing')
}

function fromRelative(expiresIn: unknown, start: number): number {
  if (typeof expiresIn === 'string' && !isNumeric(expiresIn)) return parseDate(expiresIn, 'expiresIn')
  const seconds = typeof expiresIn === 'string' ? Number(expiresIn) : expiresIn
  if (typeof seconds !== 'number' || !(seconds >= 0)) {
    throw new UnusableResult(`expiresIn must be a number of seconds, 0 or more; got ${describe(expiresIn)}`)
  }
  if (seconds >= MIN_MISTAKEN_EPOCH_S && seconds !== Number.POSITIVE_INFINITY) {
    throw new UnusableResult(`expiresIn must be a lifetime in seconds; ${seconds} looks like a time: give it as expiresAt`)
  }
  return Math.min(MAX_EPOCH_MS, Math.round(start + seconds * 1000))
}

function fromAbsolute(expiresAt: unknown): number {
  if (expiresAt instanceof Date) return parseDate(expiresAt.getTime(), 'expiresAt')
  if (typeof expiresAt === 'string' && !isNumeric(expiresAt)) return parseDate(expiresAt, 'expiresAt')
  const time = typeof expiresAt === 'string' ? Number(expiresAt) : expiresAt
  if (typeof time !== 'number' || !(time >= 0)) {
    throw new UnusableResult(`expiresAt must be epoch milliseconds, a Date or an ISO string; got ${describe(expiresAt)}`)
  }
  if (time < MIN_EPOCH_MS) throw new UnusableResult(`expiresAt must be epoch milliseconds; ${time} looks like seconds`)
  return Math.min(MAX_EPOCH_MS, Math.round(time))
}

/** Date.parse alone would find a date in almost any text that contains a number. */
const ISO_DATE = /^\s*[+-]?\d{4,6}-\d\d(-\d\d(T|\s|\s*$)|\s*$)/i

function parseDate(date: string | number, option: string): number {
  const time = typeof date === 'number' ? date : ISO_DATE.test(date) ? Date.parse(date) : Number.NaN
  if (Number.isNaN(time) || time < 0) throw new UnusableResult(`${option} is not a date`)
  return time
}

/** Shows only numbers. A string in the wrong place may be the secret. */
const describe = (value: unknown): string => (typeof value === 'number' ? String(value) : `a ${typeof value}`)
