// Checks and completes what the user gave to `call`, before a token is spent on it.
import { show } from '../../core/shared/validate.js'
import type { BusinessCall, Query } from './endpoints.js'

export interface CallOptions {
  /** Parameters beside `access_token`, which is added. `undefined` ones are left out. */
  query?: Query
  /** Sent as JSON; a string is sent as it is. */
  body?: unknown
  /** Default: POST with a body, else GET. */
  method?: 'GET' | 'POST'
}

function checkPath(path: unknown): string {
  const rule = "path must start with '/', without host, query and spaces, like '/cgi-bin/user/info'"
  // What follows `?` is not shown: it may be a token.
  if (typeof path !== 'string' || !/^\/(?!\/)[\w.~%/-]*$/.test(path)) {
    throw new TypeError(`${rule}; got ${show(typeof path === 'string' ? path.split(/[?#]/)[0] : path)}`)
  }
  return path
}

function checkQuery(query: unknown): Query {
  if (typeof query !== 'object' || query === null || Array.isArray(query)) {
    throw new TypeError(`query must be an object; got ${show(query)}`)
  }
  for (const [name, value] of Object.entries(query)) {
    if (name === 'access_token') throw new TypeError('query must not hold access_token: call() adds the valid one')
    if (value !== undefined && !['string', 'number', 'boolean'].includes(typeof value)) {
      throw new TypeError(`query.${name} must be a string, a number or a boolean; got ${show(value)}`)
    }
  }
  return query as Query
}

function textOf(body: unknown): string | undefined {
  if (body === undefined || typeof body === 'string') return body
  // JSON leaves the text unescaped, as WeChat wants it: it shows \u escapes of a menu to the user.
  const text: string | undefined = JSON.stringify(body)
  if (text === undefined) throw new TypeError(`body must be something JSON can hold; got ${show(body)}`)
  return text
}

/** @throws TypeError for a wrong path, query, body or method. */
export function checkCall(path: unknown, options: CallOptions = {}): BusinessCall {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`call's options must be an object; got ${show(options)}`)
  }
  const body = textOf(options.body)
  const method: unknown = options.method ?? (body === undefined ? 'GET' : 'POST')
  if (method !== 'GET' && method !== 'POST') throw new TypeError(`method must be 'GET' or 'POST'; got ${show(method)}`)
  if (method === 'GET' && body !== undefined) throw new TypeError("body must not be given with method 'GET'")
  return { method, path: checkPath(path), query: checkQuery(options.query ?? {}), body }
}
