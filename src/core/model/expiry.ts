import { NEVER } from '../shared/format.js'

/** Reads the many ways in which an upstream says how long a value lives. Pure. */

/** What is wrong with a value or its lifetime. Becomes an ERR_DOG_FETCH_RESULT, or a TypeError for `set`. */
export class UnusableResult extends Error {}

/** Epoch milliseconds below this are seconds, by mistake: it is 1973. */
const MIN_EPOCH_MS = 1e11

const isNumeric = (text: string): boolean => text.trim() !== '' && !Number.isNaN(Number(text))

/** The end of a lifetime that began at `start`; epoch milliseconds. */
export function expiryOf(given: { expiresIn?: unknown; expiresAt?: unknown }, start: number): number {
  if (given.expiresAt !== undefined && given.expiresAt !== null) return absolute(given.expiresAt)
  if (given.expiresIn !== undefined && given.expiresIn !== null) return relative(given.expiresIn, start)
  throw new UnusableResult('expiresIn or expiresAt is missing')
}

function relative(expiresIn: unknown, start: number): number {
  if (typeof expiresIn === 'string' && !isNumeric(expiresIn)) return dateOf(expiresIn, 'expiresIn')
  const seconds = typeof expiresIn === 'string' ? Number(expiresIn) : expiresIn
  if (typeof seconds !== 'number' || !(seconds >= 0)) {
    throw new UnusableResult(`expiresIn must be a number of seconds, 0 or more; got ${show(expiresIn)}`)
  }
  return Math.min(NEVER, Math.round(start + seconds * 1000))
}

function absolute(expiresAt: unknown): number {
  if (expiresAt instanceof Date) return dateOf(expiresAt.getTime(), 'expiresAt')
  if (typeof expiresAt === 'string' && !isNumeric(expiresAt)) return dateOf(expiresAt, 'expiresAt')
  const time = typeof expiresAt === 'string' ? Number(expiresAt) : expiresAt
  if (typeof time !== 'number' || !(time >= 0)) {
    throw new UnusableResult(`expiresAt must be epoch milliseconds, a Date or an ISO string; got ${show(expiresAt)}`)
  }
  if (time < MIN_EPOCH_MS) throw new UnusableResult(`expiresAt must be epoch milliseconds; ${time} looks like seconds`)
  return Math.min(NEVER, Math.round(time))
}

/** Date.parse finds a date in almost any text with a number in it. */
const ISO = /^\s*[+-]?\d{4,6}-\d\d(-\d\d(T|\s|\s*$)|\s*$)/i

function dateOf(date: string | number, name: string): number {
  const time = typeof date === 'number' ? date : ISO.test(date) ? Date.parse(date) : Number.NaN
  if (Number.isNaN(time) || time < 0) throw new UnusableResult(`${name} is not a date`)
  return time
}

/** Only numbers are shown: where a string stands in the wrong place, it may be the secret. */
const show = (given: unknown): string => (typeof given === 'number' ? String(given) : `a ${typeof given}`)
