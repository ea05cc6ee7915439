// The one error of dotdog/fetchers. Its texts are built here and nowhere else. An error of an HTTP
// client or of a library never leaves the file that caught it, because it may carry the request.
import { redactUpstreamText } from '../../core/shared/upstream/upstream-text.js'

/**
 * - `FETCHER_REFUSED`: the upstream refused, and said why.
 * - `FETCHER_LOGIN`: the upstream no longer accepts the refresh token: log in again.
 * - `FETCHER_HTTP`: the upstream answered with an HTTP status only.
 * - `FETCHER_ANSWER`: the response cannot be understood.
 * - `FETCHER_TRANSPORT`: the connection failed.
 * - `FETCHER_TIMEOUT`: there was no response in time.
 * - `FETCHER_ABORTED`: the request was aborted.
 * - `FETCHER_DEPENDENCY`: a package is missing.
 */
export type FetcherErrorCode =
  | 'FETCHER_REFUSED'
  | 'FETCHER_LOGIN'
  | 'FETCHER_HTTP'
  | 'FETCHER_ANSWER'
  | 'FETCHER_TRANSPORT'
  | 'FETCHER_TIMEOUT'
  | 'FETCHER_ABORTED'
  | 'FETCHER_DEPENDENCY'

export interface FetcherErrorFields {
  code: FetcherErrorCode
  provider: string
  status?: number
  upstreamCode?: string
  upstreamMessage?: string
  retryAfter?: number
}

/**
 * No token was fetched. The error holds no secret, no token and no URL query. Callers of `get`
 * receive it as the `cause` of an `ERR_DOG_FETCH`.
 */
export class FetcherError extends Error {
  readonly code: FetcherErrorCode
  /** The provider: `WeCom`, `OAuth 2`, … */
  readonly provider: string
  /** The HTTP status, if there was a response. */
  readonly status: number | undefined
  /** The upstream's own code: `40013`, `invalid_client`, … */
  readonly upstreamCode: string | undefined
  /** The upstream's own text, redacted. */
  readonly upstreamMessage: string | undefined
  /**
   * Seconds until asking again makes sense. `undefined` if no moment is known: the usual back-off
   * applies.
   */
  readonly retryAfter: number | undefined

  constructor(message: string, fields: FetcherErrorFields) {
    super(message)
    this.code = fields.code
    this.provider = fields.provider
    this.status = fields.status
    this.upstreamCode = fields.upstreamCode
    this.upstreamMessage = fields.upstreamMessage
    this.retryAfter = fields.retryAfter
  }

  /** The same as plain JSON: the `details` of the `DogError` that every process gets for a failed fetch. */
  get details(): Readonly<Record<string, unknown>> {
    const { code, provider, status, upstreamCode, upstreamMessage, retryAfter } = this
    return { code, provider, status, upstreamCode, retryAfter, upstreamMessage }
  }
}
// A literal, because a minifier may rename the class.
Object.defineProperty(FetcherError.prototype, 'name', { value: 'FetcherError', configurable: true, writable: true })

/** What an error says of its request, and what it must not repeat. */
export interface ProviderContext {
  provider: string
  secrets: readonly string[]
}

/** What an upstream says of a request that it refused. */
export interface UpstreamRefusal {
  code: string
  message?: unknown
}

/** An error that a person must correct is tried again after this time. */
export const PERMANENT_RETRY_S = 60

const MAX_CODE_CHARS = 80

/** The error for a refusal. */
export function refusalError(
  context: ProviderContext,
  status: number,
  refusal: UpstreamRefusal,
  retryAfter: number | undefined,
): FetcherError {
  const { provider, secrets } = context
  const upstreamCode = redactUpstreamText(refusal.code, secrets).slice(0, MAX_CODE_CHARS)
  const text = typeof refusal.message === 'string' ? redactUpstreamText(refusal.message, secrets) : ''
  return new FetcherError(`${provider} refused with ${upstreamCode} (HTTP ${status})${text === '' ? '' : `: ${text}`}`, {
    code: 'FETCHER_REFUSED',
    provider,
    status,
    upstreamCode,
    upstreamMessage: text === '' ? undefined : text,
    retryAfter,
  })
}

/**
 * The error if there was no response, or none that says why there is no token.
 *
 * @param problem one of our own sentences, never upstream text
 */
export function fetcherError(
  { provider }: ProviderContext,
  code: FetcherErrorCode,
  problem: string,
  details: { status?: number; retryAfter?: number } = {},
): FetcherError {
  return new FetcherError(`${provider}: ${problem}`, { code, provider, ...details })
}
