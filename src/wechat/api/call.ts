// Checks and completes the arguments of `call`, before a token is spent on them.
import { ANYTHING, checkOptions, misuse, oneOf, type Rules, show } from '../../core/shared/validate.js'
import type { BusinessCall, Query } from './endpoints.js'

export interface CallOptions {
  /**
   * Parameters besides `access_token`, which `call` adds. Those that are `undefined` are left out.
   * Default: none.
   */
  query?: Query
  /** Sent as JSON; a string is sent as it is. Default: no body. */
  body?: unknown
  /** Default: `POST` with a body, else `GET`. */
  method?: 'GET' | 'POST'
}

const RULES: Rules = {
  query: {
    test: (value: unknown) => typeof value === 'object' && !Array.isArray(value),
    rule: 'must be an object',
  },
  // Whether JSON can hold it shows when it is serialized.
  body: ANYTHING,
  method: { ...oneOf('GET', 'POST'), test: (value: unknown) => value === null || value === 'GET' || value === 'POST' },
}

function checkPath(path: unknown): string {
  const rule = "must start with '/', without host, query and spaces, like '/cgi-bin/user/info'"
  // The query is not shown: it may hold a token.
  const shown = typeof path === 'string' ? path.split(/[?#]/)[0] : path
  if (typeof path !== 'string' || !/^\/(?!\/)[\w.~%/-]*$/.test(path)) throw misuse('path', rule, shown)
  return path
}

function checkQuery(query: Query): Query {
  for (const [name, value] of Object.entries(query)) {
    if (name === 'access_token') throw new TypeError('query must not hold access_token: call() adds the valid one')
    if (value !== undefined && !['string', 'number', 'boolean'].includes(typeof value)) {
      throw misuse(`query.${name}`, 'must be a string, a number or a boolean', value)
    }
  }
  return query
}

function serializeBody(body: unknown): string | undefined {
  if (body === undefined || typeof body === 'string') return body
  // JSON.stringify does not escape Chinese text. WeChat needs that: it would show \u escapes of a
  // menu to users.
  const text: string | undefined = JSON.stringify(body)
  if (text === undefined) throw new TypeError(`body must be something JSON can hold; got ${show(body)}`)
  return text
}

/** @throws TypeError for a wrong path or option. */
export function checkCall(path: unknown, options: CallOptions = {}): BusinessCall {
  const checked = checkOptions<CallOptions>('call', options, RULES)
  const body = serializeBody(checked.body)
  const method = checked.method ?? (body === undefined ? 'GET' : 'POST')
  if (method === 'GET' && body !== undefined) throw new TypeError("body must not be given with method 'GET'")
  return { method, path: checkPath(path), query: checkQuery(checked.query ?? {}), body }
}
