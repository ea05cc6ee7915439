// One HTTP request, by Node's own fetch: oauth4webapi wants its Response, so that all families go one way.
import { failed, type Origin, PERMANENT } from './errors.js'

export interface Request {
  method: string
  /** With its query: a secret. */
  url: string
  headers?: Record<string, string>
  /** A string, so that its length is known: some gateways refuse a chunked body. */
  body?: string
  signal: AbortSignal
}

export interface Reply {
  status: number
  headers: Headers
  text: string
}

/** Characters. The longest tokens known have some thousands. */
const LONGEST = 1_000_000

/** @throws FetcherError if there is no whole answer. */
export async function exchange(request: Request, origin: Origin): Promise<Reply> {
  const { method, url, headers = {}, body = null, signal } = request
  let tooLong = false
  try {
    // A redirect would carry the secret to whoever it names.
    const response = await fetch(url, { method, headers, body, signal, redirect: 'manual' })
    const decoder = new TextDecoder()
    let text = ''
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true })
      if ((tooLong = text.length > LONGEST)) throw new Error('too long')
    }
    return { status: response.status, headers: response.headers, text: text + decoder.decode() }
  } catch (error) {
    if (tooLong) throw failed(origin, 'FETCHER_ANSWER', `the answer is longer than ${LONGEST} characters`)
    throw failure(error, signal, origin)
  }
}

/** A fresh error. Of the client's own one only its code survives, and only if it looks like a code. */
function failure(error: unknown, signal: AbortSignal, origin: Origin): Error {
  if (signal.aborted) {
    const { name, code } = Object(signal.reason) as { name?: unknown; code?: unknown }
    return name === 'TimeoutError' || code === 'ERR_DOG_FETCH_TIMEOUT'
      ? failed(origin, 'FETCHER_TIMEOUT', 'no answer in time')
      : failed(origin, 'FETCHER_ABORTED', 'the request was given up')
  }
  const { code, cause } = Object(error) as { code?: unknown; cause?: { code?: unknown } }
  const known = [code, Object(cause).code].find((one) => typeof one === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(one))
  return failed(origin, 'FETCHER_TRANSPORT', `the connection failed${known === undefined ? '' : ` (${known})`}`)
}

/** An object of JSON, whatever the content type says; `undefined` for anything else. */
export function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    // JSON.parse quotes the text in its message, and half an answer may hold a whole token.
    return undefined
  }
}

/** What an answer is that is no object of JSON. */
export function whatIs(text: string): string {
  const kind = text.trim() === '' ? 'an empty answer' : /^\s*</.test(text) ? 'HTML instead of JSON' : 'not a JSON object'
  return `${kind}, ${Buffer.byteLength(text)} bytes`
}

/** The HTTP header, in seconds. `now`: epoch milliseconds. */
export function retryAfterOf(headers: Headers, now: number): number | undefined {
  const value = headers.get('retry-after')?.trim() ?? ''
  if (/^\d{1,9}$/.test(value)) return Number(value)
  const date = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000))
}

/** Seconds to stay away from a token endpoint that answers so, as far as the status tells. */
export const waitOf = ({ status, headers }: Reply): number | undefined =>
  // Credentials, addresses and rights do not mend themselves.
  retryAfterOf(headers, Date.now()) ?? ([401, 403, 404, 429].includes(status) ? PERMANENT : undefined)
