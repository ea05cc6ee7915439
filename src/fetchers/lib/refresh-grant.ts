// Exchanges a refresh token for an access token (RFC 6749 §6), by one request of our own. A server
// that rotates has used up the old refresh token when it answers, so that an answer is never thrown
// away over a formality, such as a token_type that a strict library does not know.
import type { HttpResponse } from '../../core/shared/upstream/http.js'
import { describeNonObject, parseJsonObject } from '../../core/shared/upstream/upstream-text.js'
import { fetcherError, PERMANENT_RETRY_S, type ProviderContext, refusalError } from './errors.js'
import { sendRequest, suggestedRetryAfter } from './http.js'
import { PERMANENT_ERRORS } from './oauth-errors.js'

export interface RefreshGrant {
  tokenUrl: string
  client: { id: string; secret?: string; auth: 'basic' | 'post' }
  parameters: Readonly<Record<string, string>>
}

/** A pair as the server gives it. */
export interface TokenPair {
  access: string
  /** `undefined`: the server does not rotate, and the old one stays. */
  refresh: string | undefined
  /** Seconds, as a number or a text. `undefined` if the answer does not say. */
  expiresIn: number | string | undefined
}

/** `dead`: the server does not accept the refresh token, and never will. */
export type RefreshOutcome = { pair: TokenPair } | { dead: Error }

/** By these codes a server says that a refresh token is dead. The second one is GitHub's. */
const DEAD_CODES = ['invalid_grant', 'bad_refresh_token']

/** @throws FetcherError if it is not known whether the refresh token is alive. */
export async function exchangeRefreshToken(
  grant: RefreshGrant,
  refresh: string,
  context: ProviderContext,
  signal: AbortSignal,
): Promise<RefreshOutcome> {
  const response = await sendRequest({ ...requestOf(grant, refresh), signal }, context)
  const { status, text } = response
  const object = parseJsonObject(text)
  if (typeof object?.error === 'string' && object.error !== '') {
    const { error: code, error_description: message } = object
    const isPermanent = PERMANENT_ERRORS.includes(code as string)
    const retryAfter = suggestedRetryAfter(response) ?? (isPermanent ? PERMANENT_RETRY_S : undefined)
    const refused = refusalError(context, status, { code: code as string, message }, retryAfter)
    if (DEAD_CODES.includes(code as string)) return { dead: refused }
    throw refused
  }
  return { pair: pairOf(object, response, context) }
}

function requestOf({ tokenUrl, client, parameters }: RefreshGrant, refresh: string) {
  const { id, secret, auth } = client
  const isBasic = secret !== undefined && auth === 'basic'
  const body = new URLSearchParams({
    ...parameters,
    grant_type: 'refresh_token',
    refresh_token: refresh,
    ...(isBasic ? {} : { client_id: id, ...(secret === undefined ? {} : { client_secret: secret }) }),
  })
  return {
    method: 'POST',
    url: tokenUrl,
    headers: {
      // Without it, GitHub answers with a form.
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      ...(isBasic ? { authorization: basicAuthorization(id, secret) } : {}),
    },
    body: body.toString(),
  }
}

/** RFC 6749 §2.3.1: both parts are encoded as in a form. */
function basicAuthorization(id: string, secret: string): string {
  const encode = (part: string) => new URLSearchParams({ part }).toString().slice('part='.length)
  return `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64')}`
}

function pairOf(object: Record<string, unknown> | undefined, response: HttpResponse, context: ProviderContext): TokenPair {
  const { status, text } = response
  const { access_token: access, refresh_token: refresh, expires_in: expiresIn } = object ?? {}
  const isAnswer = status >= 200 && status <= 299 && typeof access === 'string' && access !== ''
  if (!isAnswer) {
    if (status !== 200) {
      const retryAfter = suggestedRetryAfter(response)
      throw fetcherError(context, 'FETCHER_HTTP', `HTTP status ${status}`, { status, retryAfter })
    }
    const problem = object === undefined ? describeNonObject(text) : 'the answer has no access_token'
    throw fetcherError(context, 'FETCHER_ANSWER', problem, { status })
  }
  const isLifetime = Number(expiresIn) > 0
  return {
    access,
    refresh: typeof refresh === 'string' && refresh !== '' ? refresh : undefined,
    expiresIn: isLifetime ? (expiresIn as number | string) : undefined,
  }
}
