// Error answers in the platform's format: HTTP 200 and an errcode, because clients read nothing
// else. The text is the platform's own, with "(dotdog)" at its end; the platform's own refusals
// have a rid there.
import type { ServerResponse } from 'node:http'

export const ERRMSGS: Readonly<Record<number, string>> = {
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
}

/**
 * 40001 is not among them: after a restart or a rotation, valid clients come with tokens that are
 * no longer known.
 */
const UNAUTHORIZED_ERRCODES = new Set<number>([40125, 41001, 41004])

/** An error answer with an errcode. A handler throws it, and the route sends it. */
export class ErrcodeProblem {
  constructor(
    readonly errcode: number,
    /** A sentence of this server, never text from a client. */
    readonly detail = '',
    /**
     * The HTTP status. Other than 200 only where the platform's gateways refuse a request before
     * they read it.
     */
    readonly status = 200,
  ) {}

  get errmsg(): string {
    return `${ERRMSGS[this.errcode]}${this.detail && `: ${this.detail}`}`
  }

  /** Whether the client came without a valid secret or token. */
  get isUnauthorized(): boolean {
    return UNAUTHORIZED_ERRCODES.has(this.errcode)
  }
}

/** @throws ErrcodeProblem always. */
export function refuse(errcode: number, detail?: string, status?: number): never {
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

export function sendErrcode(response: ServerResponse, errcode: number, errmsg: string, status = 200): void {
  sendPlatformJson(response, { errcode, errmsg: `${errmsg} (dotdog)` }, status)
}
