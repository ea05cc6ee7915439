// What the providers share: one request, one JSON response, a test for success, and a registration
// for init.
import type { Fetcher, KeyOptions, Result } from 'dotdog'
import type { HttpRequest, HttpResponse } from '../../core/shared/upstream/http.js'
import { describeNonObject, type JsonObject, parseJsonObject } from '../../core/shared/upstream/upstream-text.js'
import { fetcherError, type ProviderContext, refusalError, type UpstreamRefusal } from './errors.js'
import { sendRequest, suggestedRetryAfter } from './http.js'
import { hintsOf, type RejectionHints } from './rejection.js'

/** The last two arguments of `init`: a fetcher and its options. */
export type Registration<T = string> = readonly [fetcher: Fetcher<T>, options: KeyOptions]

/** How to get a token from a provider, and how to read its response. */
export interface Provider extends ProviderContext {
  /** The request. It is made anew for each fetch. */
  request(): Omit<HttpRequest, 'signal'>
  /** The refusal that a response holds, whatever its HTTP status is. */
  refusal(response: JsonObject, status: number): UpstreamRefusal | undefined
  /** The token and its expiry. `undefined` if the response has no token or no expiry. */
  result(response: JsonObject): Result | undefined
  /** By the upstream's code: seconds until the token endpoint should be asked again. */
  retryAfter: Readonly<Record<string, number>>
}

/** What a provider knows of the options of its keys. */
export interface ProviderDefaults {
  /** The account. */
  identity: string
  /** Seconds before the expiry from which the upstream returns a new token. */
  refreshAhead?: number
  /** Tells which secret the key is fetched with. */
  credentialId?: KeyOptions['credentialId']
  /** Whether the error of a task says that the token is dead. */
  isRejected: (hints: RejectionHints) => boolean
}

/** Makes a registration. The options of the user override those of the provider. */
export function register<T = string>(
  fetcher: Fetcher<T>,
  { isRejected, ...defaults }: ProviderDefaults,
  options: KeyOptions | undefined,
): Registration<T> {
  const isRejectedError = (error: unknown): boolean => {
    const hints = hintsOf(error)
    return hints !== undefined && isRejected(hints)
  }
  return [fetcher, { ...defaults, isRejected: isRejectedError, ...options }]
}

/** The fetcher of a provider. */
export function createFetcher(provider: Provider): Fetcher<string> {
  return async ({ signal }) => parseResponse(provider, await sendRequest({ ...provider.request(), signal }, provider))
}

/** @throws FetcherError unless the response has a token. */
function parseResponse(provider: Provider, response: HttpResponse): Result {
  const { status, text } = response
  const object = parseJsonObject(text)
  const refusal = object && provider.refusal(object, status)
  if (refusal !== undefined) {
    throw refusalError(provider, status, refusal, provider.retryAfter[refusal.code] ?? suggestedRetryAfter(response))
  }
  if (status < 200 || status > 299) {
    const retryAfter = suggestedRetryAfter(response)
    throw fetcherError(provider, 'FETCHER_HTTP', `HTTP status ${status}`, { status, retryAfter })
  }
  if (object === undefined) throw fetcherError(provider, 'FETCHER_ANSWER', describeNonObject(text), { status })
  const result = provider.result(object)
  if (result === undefined) {
    throw fetcherError(provider, 'FETCHER_ANSWER', 'the response has no token, or no expiry of it', { status })
  }
  return result
}

/** A token and its lifetime in seconds, which may be a number or a string. */
export function tokenResult(value: unknown, expiresIn: unknown): Result | undefined {
  const isLifetime = (typeof expiresIn === 'number' || typeof expiresIn === 'string') && expiresIn !== ''
  return typeof value === 'string' && value !== '' && isLifetime ? { value, expiresIn } : undefined
}

/** A refusal, unless the code says success: it is 0 or absent. */
export function refusalOf(code: unknown, message: unknown): UpstreamRefusal | undefined {
  if (typeof code !== 'number' && typeof code !== 'string') return undefined
  return Number(code) === 0 ? undefined : { code: String(code), message }
}

/** The same `retryAfter` for each of these codes. */
export const sameRetryAfter = (seconds: number, ...codes: (number | string)[]): Record<string, number> =>
  Object.fromEntries(codes.map((code) => [code, seconds]))

/** A POST of JSON. */
export const postJson = (url: string, body: object): Omit<HttpRequest, 'signal'> => ({
  method: 'POST',
  url,
  headers: { 'content-type': 'application/json; charset=utf-8', accept: 'application/json' },
  body: JSON.stringify(body),
})
