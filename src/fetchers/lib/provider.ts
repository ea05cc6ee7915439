// What the families have in common: one request, one JSON answer, a success test, and a registration for init.
import type { Fetcher, KeyOptions, Result } from 'dotdog'
import { failed, type Origin, type Refusal, refused } from './errors.js'
import { exchange, objectOf, type Reply, type Request, waitOf, whatIs } from './http.js'
import { type Signs, signsOf } from './rejection.js'

/** The last two arguments of `init`: a fetcher and its options. */
export type Registration = readonly [fetcher: Fetcher<string>, options: KeyOptions]

export type Answer = Record<string, unknown>

/** A family of tokens. */
export interface Family extends Origin {
  /** Made anew for each fetch. */
  request(): Omit<Request, 'signal'>
  /** The upstream's refusal, whatever the HTTP status. */
  refusal(answer: Answer, status: number): Refusal | undefined
  /** The token and its end; `undefined` if the answer has none. */
  result(answer: Answer): Result | undefined
  /** Seconds to stay away after one of the upstream's codes. */
  waits: Record<string, number>
}

/** A registration. What the user gave goes before what the family knows. */
export function register(
  fetcher: Fetcher<string>,
  known: { identity: string; ahead?: number; isDead: (signs: Signs) => boolean },
  options: KeyOptions | undefined,
): Registration {
  const { isDead, ...rest } = known
  const isRejected = (error: unknown) => {
    const signs = signsOf(error)
    return signs !== undefined && isDead(signs)
  }
  return [fetcher, { ...rest, isRejected, ...options }]
}

/** The fetcher of a family. */
export function fetcherOf(family: Family): Fetcher<string> {
  return async ({ signal }) => understand(family, await exchange({ ...family.request(), signal }, family))
}

/** @throws FetcherError unless the answer has a token. */
function understand(family: Family, reply: Reply): Result {
  const { status, text } = reply
  const answer = objectOf(text)
  const refusal = answer && family.refusal(answer, status)
  if (refusal !== undefined) throw refused(family, status, refusal, family.waits[refusal.code] ?? waitOf(reply))
  if (status < 200 || status > 299) {
    throw failed(family, 'FETCHER_HTTP', `HTTP status ${status}`, { status, retryAfter: waitOf(reply) })
  }
  if (answer === undefined) throw failed(family, 'FETCHER_ANSWER', whatIs(text), { status })
  const result = family.result(answer)
  if (result === undefined) throw failed(family, 'FETCHER_ANSWER', 'the answer has no token, or no end of it', { status })
  return result
}

/** A token and its seconds, as a number or a text. */
export function lasting(value: unknown, expiresIn: unknown): Result | undefined {
  const isTime = (typeof expiresIn === 'number' || typeof expiresIn === 'string') && expiresIn !== ''
  return typeof value === 'string' && value !== '' && isTime ? { value, expiresIn } : undefined
}

/** A refusal, unless the code says success: 0, or none. */
export function refusalOf(code: unknown, message: unknown): Refusal | undefined {
  if (typeof code !== 'number' && typeof code !== 'string') return undefined
  return Number(code) === 0 ? undefined : { code: String(code), message }
}

/** The same wait for each of these codes. */
export const each = (seconds: number, ...codes: (number | string)[]): Record<string, number> =>
  Object.fromEntries(codes.map((code) => [code, seconds]))

/** A POST of JSON. */
export const postJson = (url: string, body: object): Omit<Request, 'signal'> => ({
  method: 'POST',
  url,
  headers: { 'content-type': 'application/json; charset=utf-8', accept: 'application/json' },
  body: JSON.stringify(body),
})
