// Error answers in the platform's format: HTTP 200 and an errcode, because clients read nothing
// else. The text is the platform's own, with "(dotdog)" at its end; the platform's own refusals
// have a rid there.
import type { ServerResponse } from 'node:http'
import { isDogError } from '../http/problem.js'

const ERRMSGS = {
  [-1]: 'system error',
  40001: 'invalid credential, access_token is invalid or not latest',
  40002: 'invalid grant_type',
  40013: 'invalid appid',
  40066: 'invalid url',
  40097: 'invalid args',
  40125: 'invalid appsecret',
  41001: 'access_token missing',
  41002: 'appid missing',
  41004: 'appsecret missing',
  43002: 'require POST method',
  45009: 'reach max api daily quota limit',
  48001: 'api unauthorized',
} as const

export type Errcode = keyof typeof ERRMSGS

/** An error answer with an errcode. A handler throws it, and the route sends it. */
export class ErrcodeProblem {
  constructor(
    readonly errcode: Errcode,
    /** A sentence of this server, never text from a client. */
    readonly detail = '',
    /**
     * The HTTP status. Other than 200 only where the platform's gateways refuse a request before
     * they read it.
     */
    readonly status = 200,
  ) {}
}

/** @throws ErrcodeProblem always. */
export function refuse(errcode: Errcode, detail?: string, status?: number): never {
  throw new ErrcodeProblem(errcode, detail, status)
}

export function sendPlatformJson(response: ServerResponse, body: object, status = 200): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...(status === 503 ? { 'retry-after': '1' } : {}),
    // The unread rest of the request would have to be read before the next request on the
    // connection.
    ...(response.req.complete ? {} : { connection: 'close' }),
  })
  response.end(text)
}

export function sendErrcode(response: ServerResponse, { errcode, detail, status }: ErrcodeProblem): void {
  const errmsg = `${ERRMSGS[errcode]}${detail && `: ${detail}`} (dotdog)`
  sendPlatformJson(response, { errcode, errmsg }, status)
}

/**
 * The answer for an error of the dog, if it is one. A client is not told about the server's own
 * trouble with the platform: a wrong AppSecret of the server must not look like a dead token.
 */
export function errcodeProblemOf(error: unknown): ErrcodeProblem | undefined {
  if (!isDogError(error)) return undefined
  return isQuotaUsedUp(error) ? new ErrcodeProblem(45009) : new ErrcodeProblem(-1, error.code)
}

function isQuotaUsedUp(error: { code: string; message: string; cause?: unknown }): boolean {
  if (error.code === 'ERR_DOG_QUOTA') return true
  const { code } = Object(error.cause) as { code?: unknown }
  if (code === 'WECHAT_45009') return true
  // Only the caller of the failed fetch gets the cause. For later callers, other processes and keys
  // that depend on this one, the recorded failure has no field for the upstream's code, so its text
  // is read.
  return error.message.includes('WeChat answered 45009')
}
