// Checks and completes the arguments of `call`, before a token is spent on them.
import { ANYTHING, BOOLEAN, checkOptions, misuse, oneOf, type Rules } from '../../core/shared/validate.js'
import { checkBody, type RawBody } from './body.js'
import type { BusinessCall, Query } from './endpoints.js'

export interface CallOptions {
  /**
   * Parameters besides `access_token`, which `call` adds. Those that are `undefined` are left out.
   * Default: none.
   */
  query?: Query
  /**
   * A FormData, Blob, File, URLSearchParams, ArrayBuffer, Buffer or stream is sent as what it is, up
   * to 64 MiB; a stream is read before the call. A string is sent as it is, as JSON. Everything else
   * is sent as JSON, in which a bigint is an integer. Default: no body.
   *
   * @example
   * const body = new FormData()
   * body.append('media', await fs.openAsBlob('photo.png', { type: 'image/png' }), 'photo.png')
   * await wx.call('/cgi-bin/media/upload', { query: { type: 'image' }, body })
   */
  body?: unknown
  /** Default: `POST` with a body, else `GET`. */
  method?: 'GET' | 'POST'
  /**
   * What the answer is read as. For a QR code or media: `buffer`, which holds at most 32 MiB, or
   * `stream`, which must be read or destroyed. An answer that is an errcode is a WeChatError all the
   * same. Default `json`.
   *
   * @example const png = await wx.call('/wxa/getwxacodeunlimit', { body: { scene }, as: 'buffer' })
   */
  as?: 'json' | 'buffer' | 'stream'
  /**
   * `false` for a path that takes no token, such as a login: no token is fetched, so that a spent
   * quota of tokens does not stop it. The query may then hold an `access_token` of its own, such as
   * a user's. Default true.
   *
   * @example
   * const query = { appid, secret, js_code: code, grant_type: 'authorization_code' }
   * await wx.call('/sns/jscode2session', { token: false, query })
   */
  token?: boolean
}

/** A call with its arguments checked. Its body has not been read. */
export interface CheckedCall extends Omit<BusinessCall, 'body'> {
  body: string | RawBody | undefined
  as: 'json' | 'buffer' | 'stream'
  token: boolean
}

const RULES: Rules = {
  query: {
    test: (value: unknown) => typeof value === 'object' && !Array.isArray(value),
    rule: 'must be an object',
  },
  // Whether JSON can hold it shows when it is serialized.
  body: ANYTHING,
  method: { ...oneOf('GET', 'POST'), test: (value: unknown) => value === null || value === 'GET' || value === 'POST' },
  as: oneOf('json', 'buffer', 'stream'),
  token: BOOLEAN,
}

function checkPath(path: unknown): string {
  const rule = "must start with '/', without host, query and spaces, like '/cgi-bin/user/info'"
  // The query is not shown: it may hold a token.
  const shown = typeof path === 'string' ? path.split(/[?#]/)[0] : path
  if (typeof path !== 'string' || !/^\/(?!\/)[\w.~%/-]*$/.test(path)) throw misuse('path', rule, shown)
  return path
}

function checkQuery(query: Query, token: boolean): Query {
  for (const [name, value] of Object.entries(query)) {
    if (name === 'access_token' && token) throw new TypeError('query must not hold access_token: call() adds the valid one')
    if (value !== undefined && !['string', 'number', 'bigint', 'boolean'].includes(typeof value)) {
      throw misuse(`query.${name}`, 'must be a string, a number or a boolean', value)
    }
  }
  return query
}

/** @throws TypeError for a wrong path or option. */
export function checkCall(path: unknown, options: CallOptions = {}): CheckedCall {
  const checked = checkOptions<CallOptions>('call', options, RULES)
  const body = checkBody(checked.body)
  const { method = body === undefined ? 'GET' : 'POST', as = 'json', token = true } = checked
  if (method === 'GET' && body !== undefined) throw new TypeError("body must not be given with method 'GET'")
  return { method, path: checkPath(path), query: checkQuery(checked.query ?? {}, token), body, as, token }
}
