// The JS-SDK signature, as a pure function of its input.
import { createHash, randomBytes } from 'node:crypto'
import { ANYTHING, checkOptions, misuse, misuseOfSecret, type Rule, type Rules, TEXT } from '../../core/shared/validate.js'

export interface SignJsapiInput {
  /** The `jsapi_ticket`. */
  ticket: string
  /**
   * The whole URL of the page as the page sees it: `location.href`, decoded once. The fragment
   * after `#` is cut off.
   */
  url: string
  /** Default: 16 random characters. */
  nonceStr?: string
  /** Epoch seconds. Default: now. */
  timestamp?: number | string
}

export interface JsapiSignature {
  nonceStr: string
  /** Epoch seconds: as given, else a number. */
  timestamp: number | string
  /** The URL that was signed, without its fragment. */
  url: string
  signature: string
}

/**
 * 1e11 seconds is the year 5138, and 1e11 milliseconds is 1973. So a larger number is in
 * milliseconds.
 */
const MAX_EPOCH_S = 1e11

/** A ticket. It is a secret. */
export const TICKET: Rule = {
  test: (value: unknown) => typeof value === 'string' && value.trim() !== '',
  rule: 'must be a non-empty string',
  isSecret: true,
  isRequired: true,
}

const RULES: Rules = {
  ticket: TICKET,
  nonceStr: { ...TEXT, isSecret: true },
  // Checked by pageUrl and checkTimestamp, whose messages say more.
  url: ANYTHING,
  timestamp: ANYTHING,
}

export const randomNonce = (): string => randomBytes(8).toString('hex')
export const epochSeconds = (): number => Math.floor(Date.now() / 1000)

/**
 * The URL without its fragment, character by character as it was given. Serializing it again would
 * add a slash that the page does not have, and the signature would be wrong.
 *
 * @throws TypeError if it is not an absolute http(s) URL.
 */
export function pageUrl(url: unknown): string {
  const rule = 'must be an absolute http(s) URL'
  if (typeof url !== 'string') throw misuseOfSecret('url', rule, url)
  const page = url.split('#')[0]!
  if (!/^https?:\/\/[^/?\s]/i.test(page)) {
    const encoded = /^https?%3a/i.test(page) ? ' (it is still URL-encoded: decode it once)' : ''
    // The query is not shown: it may hold a login code.
    throw misuse('url', `${rule}${encoded}`, page.split('?')[0])
  }
  return page
}

/** @throws TypeError for milliseconds and anything else that is not a time in epoch seconds. */
export function checkTimestamp(timestamp: unknown): void {
  const rule = 'must be epoch seconds, a whole number or its digits'
  if (typeof timestamp !== 'number' && typeof timestamp !== 'string') throw misuseOfSecret('timestamp', rule, timestamp)
  const number = typeof timestamp === 'string' && !/^\d+$/.test(timestamp) ? Number.NaN : Number(timestamp)
  if (!Number.isSafeInteger(number) || number < 0 || number >= MAX_EPOCH_S) {
    const unit = number >= MAX_EPOCH_S ? ' (it looks like milliseconds)' : ''
    throw misuse('timestamp', `${rule}${unit}`, timestamp)
  }
}

/**
 * Signs a page for `wx.config`.
 *
 * @throws TypeError for an unknown or wrong member, and for a missing ticket or URL. There is never
 *   a signature over "undefined".
 * @example
 * const { nonceStr, timestamp, signature } = signJsapi({ ticket, url: 'https://example.com/page?id=1' })
 */
export function signJsapi(input: SignJsapiInput): JsapiSignature {
  const {
    ticket,
    nonceStr = randomNonce(),
    timestamp = epochSeconds(),
  } = checkOptions<SignJsapiInput>('signJsapi', input, RULES)
  checkTimestamp(timestamp)
  const url = pageUrl(input.url)
  const text = `jsapi_ticket=${ticket}&noncestr=${nonceStr}&timestamp=${timestamp}&url=${url}`
  return { nonceStr, timestamp, url, signature: createHash('sha1').update(text).digest('hex') }
}
