// What we answer in the platform's manner: HTTP 200 and an errcode, with the platform's words, because the clients look at nothing
// else. Each text says at its end who spoke: the platform's own refusals have a rid there.
import type { ServerResponse } from 'node:http'
import { DogError } from 'dotdog'

const texts = {
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

export type Errcode = keyof typeof texts

/** On its way to the answer: thrown by whoever finds something wrong. `detail` is one of our own sentences, never a client's. */
export class Refusal {
  constructor(
    readonly errcode: Errcode,
    readonly detail = '',
    /** Other than 200 only where the platform's gateways do so too: the request never got to be looked at. */
    readonly status = 200,
  ) {}
}

export function refuse(errcode: Errcode, detail?: string, status?: number): never {
  throw new Refusal(errcode, detail, status)
}

export function sendJson(response: ServerResponse, body: object, status = 200): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...(status === 503 ? { 'retry-after': '1' } : {}),
    // What was not read of the request would have to be read before the next one.
    ...(response.req.complete ? {} : { connection: 'close' }),
  })
  response.end(text)
}

export function sendRefusal(response: ServerResponse, { errcode, detail, status }: Refusal): void {
  sendJson(response, { errcode, errmsg: `${texts[errcode]}${detail && `: ${detail}`} (dotdog)` }, status)
}

/**
 * What a client is told if we have no value. Our own trouble with the platform is not the client's: that our AppSecret is wrong must
 * not read as if its token were.
 */
export function refusalFor(error: unknown): Refusal | undefined {
  if (!(error instanceof DogError)) return undefined
  // While a failure stands, its text is all that is known of it, in every process.
  const spent = error.code === 'ERR_DOG_QUOTA' || error.message.includes('WeChat answered 45009')
  return spent ? new Refusal(45009) : new Refusal(-1, error.code)
}
