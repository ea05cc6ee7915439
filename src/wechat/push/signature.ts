// The signatures of what the platform pushes, as pure functions. Whatever is checked comes from a stranger: nothing here throws
// over it, and no comparison tells by its time how much was right.
import { createHash, timingSafeEqual } from 'node:crypto'

/** The query of a pushed request, as any framework parses it. */
export interface PushQuery {
  readonly signature?: unknown
  readonly timestamp?: unknown
  readonly nonce?: unknown
  readonly [name: string]: unknown
}

export interface ReplayOptions {
  /** Seconds that the timestamp may be away from now. Default: any; the platform itself makes no rule. */
  maxAge?: number
  /** Epoch milliseconds. Default: now. */
  now?: number
}

/** A real timestamp has 10 characters, a real nonce about as many. */
const LONGEST = 256

/** A query's member that may be signed: a text of sensible length, given once. */
export function textOf(value: unknown, longest = LONGEST): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= longest ? value : undefined
}

/** SHA-1 over the sorted parts: how the platform signs everything that it pushes. */
export function pushSignature(parts: readonly string[]): string {
  return createHash('sha1')
    .update([...parts].sort().join(''))
    .digest('hex')
}

/** Compares with a signature of ours, in constant time. */
export function sameSignature(given: unknown, own: string): boolean {
  if (typeof given !== 'string' || given.length !== own.length) return false
  const bytes = Buffer.from(given)
  // A letter beyond ASCII has more bytes than it has length.
  return bytes.length === own.length && timingSafeEqual(bytes, Buffer.from(own))
}

/** Whether a timestamp (epoch seconds, a text) is in the window, if there is one. */
export function isRecent(timestamp: string, { maxAge, now = Date.now() }: ReplayOptions): boolean {
  if (maxAge === undefined) return true
  if (!/^\d{1,12}$/.test(timestamp)) return false
  return Math.abs(now / 1000 - Number(timestamp)) <= maxAge
}

/**
 * Whether a request comes from the platform: `signature` is that of the token, `timestamp` and `nonce`. Never throws, whatever
 * the query holds.
 *
 * @param token the Token that you chose in the console.
 * @example if (!verifySignature(request.query, token)) return response.status(403).end()
 */
export function verifySignature(query: PushQuery, token: string, replay: ReplayOptions = {}): boolean {
  try {
    const { signature, timestamp, nonce } = query
    const time = textOf(timestamp)
    const once = textOf(nonce)
    // Without a token of ours anybody could sign.
    if (time === undefined || once === undefined || typeof token !== 'string' || token === '') return false
    return sameSignature(signature, pushSignature([token, time, once])) && isRecent(time, replay ?? {})
  } catch {
    // Not an object, or one that throws when it is looked at.
    return false
  }
}
