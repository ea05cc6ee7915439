// One HTTP request of a provider. It goes by Node's own fetch: a plain fetch of a token loads no
// package, which keeps a small script short-lived (see nodeClient for the measured times).
import {
  exchange,
  HttpFailure,
  type HttpFailureKind,
  type HttpHeaders,
  type HttpRequest,
  type HttpResponse,
  nodeClient,
} from '../../core/shared/upstream/http.js'
import { type FetcherErrorCode, fetcherError, PERMANENT_RETRY_S, type ProviderContext } from './errors.js'

/** The longest known tokens have some thousands of characters. */
const MAX_RESPONSE_BYTES = 1_000_000

const CODE_OF: Readonly<Record<HttpFailureKind, FetcherErrorCode>> = {
  timeout: 'FETCHER_TIMEOUT',
  aborted: 'FETCHER_ABORTED',
  transport: 'FETCHER_TRANSPORT',
  'too-long': 'FETCHER_ANSWER',
}

/** @throws FetcherError if there is no whole response. */
export async function sendRequest(request: HttpRequest, context: ProviderContext): Promise<HttpResponse> {
  try {
    return await exchange({ ...request, maxBytes: MAX_RESPONSE_BYTES }, nodeClient)
  } catch (error) {
    if (!(error instanceof HttpFailure)) throw error
    throw fetcherError(context, CODE_OF[error.kind], error.message)
  }
}

/** The header Retry-After, in seconds. `now` is in epoch milliseconds. */
export function retryAfterOf(headers: HttpHeaders, now: number): number | undefined {
  const value = headers['retry-after']?.trim() ?? ''
  if (/^\d{1,9}$/.test(value)) return Number(value)
  const date = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000))
}

/** These statuses mean wrong credentials, addresses or permissions, or too many requests. */
const PERMANENT_STATUSES = [401, 403, 404, 429]

/**
 * Seconds until the token endpoint should be asked again, as far as its status and headers say so.
 */
export const suggestedRetryAfter = ({ status, headers }: HttpResponse): number | undefined =>
  retryAfterOf(headers, Date.now()) ?? (PERMANENT_STATUSES.includes(status) ? PERMANENT_RETRY_S : undefined)
