// The JS-SDK signature, as a pure function of its input.
import { createHash, randomBytes } from 'node:crypto'

export interface SignJsapiInput {
  /** The `jsapi_ticket`. */
  ticket: string
  /** The page's whole address, as the page sees it: `location.href`, decoded once. What follows `#` is cut off. */
  url: string
  /** Default: 16 random characters. */
  nonceStr?: string
  /** Epoch seconds. Default: now. */
  timestamp?: number | string
}

export interface JsapiSignature {
  nonceStr: string
  /** Epoch seconds; as given, a number if it was not. */
  timestamp: number | string
  /** What was signed: the given address without its fragment. */
  url: string
  signature: string
}

/** What a message may show of an address: its query can hold a login code. */
const shown = (url: string): string => JSON.stringify(url.split(/[?#]/)[0]?.slice(0, 100))

/**
 * The address without its fragment, letter by letter: to serialise it again would add a slash that the page does not have,
 * and the signature would be wrong.
 *
 * @throws TypeError if it is not an absolute http(s) address.
 */
export function pageUrl(url: unknown): string {
  if (typeof url !== 'string') throw new TypeError(`url must be an absolute http(s) URL; got a value of type ${typeof url}`)
  const page = url.split('#')[0]!
  if (!/^https?:\/\/[^/?\s]/i.test(page)) {
    const encoded = /^https?%3a/i.test(page) ? ' (it is still URL-encoded: decode it once)' : ''
    throw new TypeError(`url must be an absolute http(s) URL${encoded}; got ${shown(page)} (string)`)
  }
  return page
}

/** @throws TypeError for milliseconds and other mistakes. */
export function checkTimestamp(timestamp: unknown): void {
  const rule = 'timestamp must be epoch seconds, a whole number or its digits'
  if (typeof timestamp !== 'number' && typeof timestamp !== 'string') {
    throw new TypeError(`${rule}; got a value of type ${typeof timestamp}`)
  }
  const number = typeof timestamp === 'string' && !/^\d+$/.test(timestamp) ? Number.NaN : Number(timestamp)
  // 1e11 seconds is the year 5138, and 1e11 milliseconds is 1973: nobody means either.
  if (!Number.isSafeInteger(number) || number < 0 || number >= 1e11) {
    const unit = number >= 1e11 ? ' (it looks like milliseconds)' : ''
    throw new TypeError(`${rule}${unit}; got ${JSON.stringify(timestamp)} (${typeof timestamp})`)
  }
}

/**
 * Signs a page for `wx.config`.
 *
 * @throws TypeError for a missing ticket or address: never a signature over "undefined".
 * @example
 * const { nonceStr, timestamp, signature } = signJsapi({ ticket, url: 'https://example.com/page?id=1' })
 */
export function signJsapi(input: SignJsapiInput): JsapiSignature {
  if (typeof input !== 'object' || input === null) throw new TypeError('signJsapi wants an object: { ticket, url }')
  const { ticket, nonceStr = randomBytes(8).toString('hex'), timestamp = Math.floor(Date.now() / 1000) } = input
  // The value is a secret, so that only its type is told.
  if (typeof ticket !== 'string' || ticket.trim() === '') {
    throw new TypeError(`ticket must be a non-empty string; got ${typeof ticket === 'string' ? 'an empty one' : typeof ticket}`)
  }
  if (typeof nonceStr !== 'string' || nonceStr === '') {
    throw new TypeError(`nonceStr must be a non-empty string; got a value of type ${typeof nonceStr}`)
  }
  checkTimestamp(timestamp)
  const url = pageUrl(input.url)
  const text = `jsapi_ticket=${ticket}&noncestr=${nonceStr}&timestamp=${timestamp}&url=${url}`
  return { nonceStr, timestamp, url, signature: createHash('sha1').update(text).digest('hex') }
}
