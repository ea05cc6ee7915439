import { isShallow } from '../shared/format.js'
import { cutText, redactJson } from '../shared/redact.js'
import { fieldOf } from './field-of.js'

/** What an upstream said, for programs: plain JSON, redacted, and small, because every process keeps it. */
export type Details = Readonly<Record<string, unknown>>

export const MAX_DETAILS_BYTES = 1024
const MAX_DETAILS_DEPTH = 8
/** A text that fits only when it is cut to less than this says nothing. */
const MIN_TEXT_CHARS = 16

/**
 * The details of what a fetcher threw: its own `details`, or else its `code` if that is a string and its
 * `status` if that is a number. Never throws, whatever was thrown.
 */
export function detailsOfError(error: unknown): Details | undefined {
  const cause = fieldOf(error, 'cause')
  const own = toDetails(fieldOf(error, 'details')) ?? toDetails(fieldOf(cause, 'details'))
  // The code of an engine's error is not the upstream's.
  if (own !== undefined || fieldOf(error, 'name') === 'DogError') return own
  // What `fetch` throws has the code of the socket in its cause.
  const code = [error, cause]
    .map((one) => fieldOf(one, 'code'))
    .find((one) => typeof one === 'string' && !one.startsWith('ERR_DOG_'))
  const status = fieldOf(error, 'status')
  return toDetails({ code, status: typeof status === 'number' ? status : undefined })
}

/**
 * Copies the members that JSON can hold, in their order, until {@link MAX_DETAILS_BYTES} are full. A long text is
 * cut; any other member that does not fit is left out. `undefined` for anything but an object with such members.
 */
export function toDetails(given: unknown): Details | undefined {
  const details: Record<string, unknown> = {}
  let remainingBytes = MAX_DETAILS_BYTES - '{}'.length
  for (const member of namesOf(given)) {
    const name = redactJson(member) as string
    const value = fitting(name, plainCopy(member, fieldOf(given, member)), remainingBytes)
    if (value === undefined || name === '__proto__') continue
    details[name] = value
    remainingBytes -= bytesOf(name, value)
  }
  return Object.keys(details).length === 0 ? undefined : details
}

function namesOf(given: unknown): string[] {
  try {
    return typeof given === 'object' && given !== null && !Array.isArray(given) ? Object.keys(given) : []
  } catch {
    return []
  }
}

/** The value as JSON keeps it, without its secrets; undefined if JSON cannot hold it. */
function plainCopy(name: string, value: unknown): unknown {
  try {
    const copy: unknown = JSON.parse(JSON.stringify(value))
    return isShallow(copy, MAX_DETAILS_DEPTH) ? redactJson(copy, name) : undefined
  } catch {
    return undefined
  }
}

/** The member's size in JSON, with a comma. */
const bytesOf = (name: string, value: unknown): number => Buffer.byteLength(JSON.stringify({ [name]: value })) - 1

function fitting(name: string, value: unknown, roomBytes: number): unknown {
  if (value === undefined || bytesOf(name, value) <= roomBytes) return value
  if (typeof value !== 'string') return undefined
  for (let chars = Math.min(value.length, roomBytes); chars >= MIN_TEXT_CHARS; chars = Math.floor(chars * 0.8)) {
    const cut = cutText(value, chars)
    if (bytesOf(name, cut) <= roomBytes) return cut
  }
  return undefined
}
