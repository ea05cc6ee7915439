// The one error of dotdog/fetchers. Its texts are built here and nowhere else; an HTTP client's or a library's own error never
// leaves the file that caught it, because it may carry the request.

/** `_REFUSED`: the upstream said why. `_HTTP`: only a status. `_ANSWER`: not understood. `_DEPENDENCY`: a package is missing. */
export type FetcherErrorCode =
  | 'FETCHER_REFUSED'
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

/** No token was got. Holds no secret, no token and no URL query. Callers of `get` meet it as the `cause` of an `ERR_DOG_FETCH`. */
export class FetcherError extends Error {
  readonly code: FetcherErrorCode
  /** The family: `WeCom`, `OAuth 2`, … */
  readonly provider: string
  /** The HTTP status, if there was an answer. */
  readonly status: number | undefined
  /** The upstream's own code: `40013`, `invalid_client`, … */
  readonly upstreamCode: string | undefined
  /** The upstream's own text, redacted. */
  readonly upstreamMessage: string | undefined
  /** Seconds to stay away. `undefined`: no moment is known, back off as usual. */
  readonly retryAfter: number | undefined

  constructor(message: string, fields: FetcherErrorFields) {
    super(message)
    this.name = 'FetcherError'
    this.code = fields.code
    this.provider = fields.provider
    this.status = fields.status
    this.upstreamCode = fields.upstreamCode
    this.upstreamMessage = fields.upstreamMessage
    this.retryAfter = fields.retryAfter
  }
}

/** Whose answer it is, and what must not be repeated from it. */
export interface Origin {
  provider: string
  secrets: readonly string[]
}

/** What an upstream says of a request that it did not grant. */
export interface Refusal {
  code: string
  message?: unknown
}

/** Seconds to stay away from an upstream that a person must first set right. */
export const PERMANENT = 60

/** Longer texts are cut: a message is for a person. */
const LONGEST = 300

/** The forms in which an upstream may echo a secret. */
const formsOf = (secret: string): string[] => [
  secret,
  encodeURIComponent(secret.toWellFormed()),
  JSON.stringify(secret).slice(1, -1),
  Buffer.from(secret).toString('base64'),
]

/** Masks every secret and cuts the query from every URL. Shortens last: half a secret would no longer be recognised. */
export function redact(text: string, secrets: readonly string[]): string {
  let clean = text
  for (const secret of secrets) {
    if (secret !== '') for (const form of formsOf(secret)) clean = clean.replaceAll(form, '***')
  }
  return (
    clean
      .replace(/\b(https?:\/\/[^\s?#"'<>]*)[?#][^\s"'<>]*/gi, '$1')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a text from outside must not write lines into a log
      .replace(/[\u0000-\u001f\u007f]+/g, ' ')
      .trim()
      .slice(0, LONGEST)
  )
}

/** The upstream said why. */
export function refused(origin: Origin, status: number, refusal: Refusal, retryAfter: number | undefined): FetcherError {
  const { provider, secrets } = origin
  const upstreamCode = redact(refusal.code, secrets).slice(0, 80)
  const upstreamMessage = typeof refusal.message === 'string' ? redact(refusal.message, secrets) : ''
  const text = upstreamMessage === '' ? '' : `: ${upstreamMessage}`
  return new FetcherError(`${provider} refused with ${upstreamCode} (HTTP ${status})${text}`, {
    ...{ code: 'FETCHER_REFUSED', provider, status, upstreamCode, retryAfter },
    ...(upstreamMessage !== '' && { upstreamMessage }),
  })
}

/** There was no answer, or none that says why. `what` is one of our own sentences, never upstream text. */
export function failed(
  { provider }: Origin,
  code: FetcherErrorCode,
  what: string,
  more: { status?: number; retryAfter?: number } = {},
): FetcherError {
  return new FetcherError(`${provider}: ${what}`, { code, provider, ...more })
}
