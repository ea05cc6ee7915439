import { misuse, misuseOfSecret } from '../validate.js'

/** URLs that users give: where an upstream is. */

/**
 * Checks an http(s) URL and returns it: with `allowQuery` as a whole, else without its last
 * slashes, so that a path can be appended. A message shows a URL only if it cannot hold a password
 * or a token.
 *
 * @throws TypeError unless it is an http(s) URL without user, fragment and, by default, query.
 */
export function checkHttpUrl(name: string, value: unknown, { allowQuery = false } = {}): string {
  const rule = `must be an http(s) URL without user${allowQuery ? '' : ', query'} and fragment`
  if (typeof value !== 'string' || !URL.canParse(value)) {
    // A string that is no URL may be a secret in the wrong place. A host without its protocol is shown.
    throw (isHost(value) ? misuse : misuseOfSecret)(name, rule, value)
  }
  const url = new URL(value)
  const isBare = url.username === '' && url.password === '' && (allowQuery || url.search === '') && url.hash === ''
  if (!isBare || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw (mayHoldSecret(value) ? misuseOfSecret : misuse)(name, rule, value)
  }
  return allowQuery ? url.href : `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}

const isHost = (value: unknown): boolean => typeof value === 'string' && /^([a-z0-9-]+\.)+[a-z]{2,10}(:\d{1,5})?$/.test(value)

/** A user, a query or a fragment may be a secret. */
const mayHoldSecret = (value: unknown): boolean => typeof value === 'string' && /[@?#]/.test(value)
