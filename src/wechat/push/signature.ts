// The signatures of what the platform pushes, as pure functions. The values to check come from
// strangers: nothing here throws because of them, and no comparison shows by its duration how much
// of a signature was right.
import { createHash, timingSafeEqual } from 'node:crypto'

/** The query of a pushed request, as any framework parses it. */
export interface PushQuery {
  readonly signature?: unknown
  readonly timestamp?: unknown
  readonly nonce?: unknown
  readonly [name: string]: unknown
}

export interface ReplayOptions {
  /**
   * Seconds by which the timestamp may differ from now. Default: any. The platform itself sets no
   * limit.
   */
  maxAge?: number
  /** Epoch milliseconds. Default: now. */
  now?: number
}

/** A real timestamp has 10 characters, and a real nonce about as many. */
const MAX_SIGNED_CHARS = 256

/**
 * A query value that may be part of a signature: a string of sensible length that was given once.
 */
export function signableText(value: unknown, maxChars = MAX_SIGNED_CHARS): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= maxChars ? value : undefined
}

/** The SHA-1 of the sorted parts. The platform signs everything that it pushes in this way. */
export function pushSignature(parts: readonly string[]): string {
  return createHash('sha1')
    .update([...parts].sort().join(''))
    .digest('hex')
}

/** Compares a given signature with the computed one, in constant time. */
export function signaturesMatch(given: unknown, computed: string): boolean {
  if (typeof given !== 'string' || given.length !== computed.length) return false
  const bytes = Buffer.from(given)
  // A non-ASCII character has more bytes than its length says.
  return bytes.length === computed.length && timingSafeEqual(bytes, Buffer.from(computed))
}

/** Whether a timestamp (epoch seconds, as a string) is inside the window, if there is one. */
export function isWithinMaxAge(timestamp: string, { maxAge, now = Date.now() }: ReplayOptions): boolean {
  if (maxAge === undefined) return true
  if (!/^\d{1,12}$/.test(timestamp)) return false
  return Math.abs(now / 1000 - Number(timestamp)) <= maxAge
}

/**
 * Whether a request comes from the platform: its `signature` must be that of the Token, the
 * `timestamp` and the `nonce`. Never throws, whatever the query holds.
 *
 * @param token the Token that you chose in the console
 * @param replay limits the age of the timestamp. Default: no limit.
 * @example if (!verifySignature(request.query, token)) return response.status(403).end()
 */
export function verifySignature(query: PushQuery, token: string, replay: ReplayOptions = {}): boolean {
  try {
    const { signature, timestamp, nonce } = query
    const timestampText = signableText(timestamp)
    const nonceText = signableText(nonce)
    if (timestampText === undefined || nonceText === undefined) return false
    // Without a Token anybody could compute the signature.
    if (typeof token !== 'string' || token === '') return false
    const isSigned = signaturesMatch(signature, pushSignature([token, timestampText, nonceText]))
    return isSigned && isWithinMaxAge(timestampText, replay ?? {})
  } catch {
    // The query is not an object, or throws when it is read.
    return false
  }
}
