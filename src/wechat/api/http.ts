// One HTTP request, and its answer as an object. The only importer of undici. An error of the HTTP client never leaves this
// file: clients hang the URL on their errors, and the URL carries the AppSecret or the token.
import { type Origin, refusal, transportError } from './errors.js'

export interface Request {
  method: 'GET' | 'POST'
  /** With its query: a secret. */
  url: string
  /** A string, so that undici knows its length: WeChat answers 412 to a chunked body. */
  body?: string
  signal: AbortSignal
}

/** An object of the platform that says success: no errcode, or 0. */
export type Answer = Record<string, unknown>

interface Raw {
  status: number
  text: string
}

async function exchange(request: Request, origin: Origin): Promise<Raw> {
  const undici = await import('undici')
  try {
    const { statusCode, body } = await undici.request(request.url, {
      method: request.method,
      body: request.method === 'POST' ? (request.body ?? '') : null,
      headers: request.body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' },
      signal: request.signal,
    })
    return { status: statusCode, text: await body.text() }
  } catch (error) {
    throw failure(error, request.signal, origin)
  }
}

/** A fresh error. Of the client's own one only its code survives, and only if it looks like a code. */
function failure(error: unknown, signal: AbortSignal, origin: Origin): Error {
  if (signal.aborted) {
    const timeout = (signal.reason as { name?: unknown } | undefined)?.name === 'TimeoutError'
    return timeout
      ? transportError('no answer in time', origin, 'WECHAT_TIMEOUT')
      : transportError('the request was given up', origin, 'WECHAT_ABORTED')
  }
  const code = (error as { code?: unknown } | undefined)?.code
  const known = typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(code)
  return transportError(`the connection failed${known ? ` (${code})` : ''}`, origin)
}

/** The content type is ignored: WeChat sends JSON as text/plain, and as the malformed `application/json; encoding=utf-8`. */
function parse({ status, text }: Raw, origin: Origin): Answer {
  if (status < 200 || status > 299) throw transportError(`HTTP status ${status}`, origin)
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    // JSON.parse quotes the text in its message, and half an answer may hold a whole token.
    const what = text.trim() === '' ? 'an empty answer' : /^\s*</.test(text) ? 'HTML instead of JSON' : 'not valid JSON'
    throw transportError(`${what}, ${Buffer.byteLength(text)} bytes`, origin)
  }
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) {
    throw transportError('the answer is not a JSON object', origin)
  }
  return answer as Answer
}

/**
 * Sends the request.
 *
 * @throws WeChatError whatever went wrong: the platform's refusal, or a `transient` one where there was no clear answer.
 */
export async function send(request: Request, origin: Origin): Promise<Answer> {
  const answer = parse(await exchange(request, origin), origin)
  if (answer.errcode === undefined || answer.errcode === 0) return answer
  const errcode = Number(answer.errcode)
  if (!Number.isInteger(errcode)) throw transportError('the errcode is not a number', origin)
  if (errcode === 0) return answer
  throw refusal(errcode, answer.errmsg, origin, Date.now())
}
