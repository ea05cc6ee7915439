// Requests a token by the OAuth 2 protocol. This is the only importer of oauth4webapi, which is an
// optional peer dependency. The errors of that library carry whole responses, so none of them
// leaves this file.
import type { ClientAuth } from 'oauth4webapi'
import type { HttpResponse } from '../../core/shared/upstream/http.js'
import { describeNonObject, parseJsonObject } from '../../core/shared/upstream/upstream-text.js'
import { FetcherError, fetcherError, PERMANENT_RETRY_S, type ProviderContext, refusalError } from './errors.js'
import { sendRequest, suggestedRetryAfter } from './http.js'
import { PERMANENT_ERRORS } from './oauth-errors.js'

type Library = typeof import('oauth4webapi')

export interface Grant {
  /** The token endpoint itself, or the issuer whose metadata name it. */
  endpoint: { tokenUrl: string } | { issuer: string; discovery: 'oidc' | 'oauth2' }
  /** How the client authenticates. `none`: by its parameters. */
  client: { id: string; secret: string; auth: 'basic' | 'post' } | { id: string; auth: 'none' }
  type: string
  parameters: Record<string, string>
}

export interface GrantedToken {
  value: string
  /** Seconds. `undefined` if the response does not say. */
  expiresIn: number | undefined
}

async function loadLibrary(context: ProviderContext): Promise<Library> {
  try {
    return await import('oauth4webapi')
  } catch (error) {
    const code = String(Object(error).code)
    const isMissing = code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND'
    const problem = isMissing ? 'the package oauth4webapi is missing' : 'the package oauth4webapi cannot be loaded'
    throw fetcherError(context, 'FETCHER_DEPENDENCY', `${problem}: npm install oauth4webapi`)
  }
}

function authentication({ ClientSecretBasic, ClientSecretPost }: Library, client: Grant['client']): ClientAuth {
  if (client.auth === 'none') return () => {}
  return client.auth === 'basic' ? ClientSecretBasic(client.secret) : ClientSecretPost(client.secret)
}

/** A Response with one of these statuses may have no body. */
const BODILESS_STATUSES = [204, 205, 304]

/**
 * The response as the library needs it. Its text is decoded already, so that only the content type
 * is kept of its headers.
 */
function libraryResponse({ status, headers, text }: HttpResponse): Response {
  const type = headers['content-type']
  return new Response(BODILESS_STATUSES.includes(status) ? null : text, {
    status,
    headers: type === undefined ? {} : { 'content-type': type },
  })
}

/** @throws FetcherError if there is no token. */
export async function requestToken(grant: Grant, context: ProviderContext, signal: AbortSignal): Promise<GrantedToken> {
  const library = await loadLibrary(context)
  const { endpoint, client, type, parameters } = grant
  let lastResponse: HttpResponse | undefined
  const url = 'issuer' in endpoint ? endpoint.issuer : endpoint.tokenUrl
  const options = {
    signal,
    // Only if the user's own URL has http.
    [library.allowInsecureRequests]: url.startsWith('http:'),
    [library.customFetch]: async (
      url: string,
      { method, headers, body }: { method: string; headers: object; body?: unknown },
    ) => {
      lastResponse = undefined
      const content = body === undefined || body === null ? {} : { body: String(body) }
      lastResponse = await sendRequest({ method, url, headers: { ...headers }, ...content, signal }, context)
      return libraryResponse(lastResponse)
    },
  }
  try {
    const server = 'issuer' in endpoint ? await discover(library, endpoint, options) : { issuer: url, token_endpoint: url }
    const clientId = { client_id: client.id }
    const auth = authentication(library, client)
    const response = await library.genericTokenEndpointRequest(server, clientId, auth, type, parameters, options)
    const { access_token, expires_in } = await library.processGenericTokenEndpointResponse(server, clientId, response)
    if (access_token === '') throw fetcherError(context, 'FETCHER_ANSWER', 'the access_token is empty')
    return { value: access_token, expiresIn: expires_in }
  } catch (error) {
    throw error instanceof FetcherError ? error : translateError(error, lastResponse, context)
  }
}

async function discover(library: Library, endpoint: { issuer: string; discovery: 'oidc' | 'oauth2' }, options: object) {
  const issuer = new URL(endpoint.issuer)
  const response = await library.discoveryRequest(issuer, { ...options, algorithm: endpoint.discovery })
  return library.processDiscoveryResponse(issuer, response)
}

/** What the codes of the library mean. */
const PROBLEMS: Readonly<Record<string, string>> = {
  OAUTH_INVALID_RESPONSE: 'a field that the protocol requires is missing or wrong',
  OAUTH_UNSUPPORTED_OPERATION: 'the token_type is not bearer',
  OAUTH_HTTP_REQUEST_FORBIDDEN: 'the token endpoint that the issuer names is not https',
  OAUTH_MISSING_SERVER_METADATA: 'the issuer names no token endpoint',
  OAUTH_INVALID_SERVER_METADATA: 'the token endpoint that the issuer names is no URL',
  OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED: 'the metadata belong to another issuer',
}

/** A new error, from what the upstream said or from one of our own sentences. */
function translateError(error: unknown, response: HttpResponse | undefined, context: ProviderContext): FetcherError {
  const problem = PROBLEMS[String(Object(error).code)]
  if (response === undefined) {
    return fetcherError(context, 'FETCHER_TRANSPORT', problem ?? 'the request could not be made')
  }
  const { status, text } = response
  const object = parseJsonObject(text)
  if (typeof object?.error === 'string' && object.error !== '') {
    const isPermanent = PERMANENT_ERRORS.includes(object.error)
    const retryAfter = suggestedRetryAfter(response) ?? (isPermanent ? PERMANENT_RETRY_S : undefined)
    return refusalError(context, status, { code: object.error, message: object.error_description }, retryAfter)
  }
  if (status !== 200) {
    const retryAfter = suggestedRetryAfter(response)
    return fetcherError(context, 'FETCHER_HTTP', `HTTP status ${status}`, { status, retryAfter })
  }
  if (object === undefined) return fetcherError(context, 'FETCHER_ANSWER', describeNonObject(text), { status })
  return fetcherError(context, 'FETCHER_ANSWER', problem ?? 'the response cannot be understood', { status })
}
