// The only importer of oauth4webapi, an optional peer dependency: it speaks the protocol. Its errors carry whole answers, so
// that none of them leaves this file.
import type { ClientAuth } from 'oauth4webapi'
import { type FetcherError, failed, type Origin, PERMANENT, refused } from './errors.js'
import { exchange, objectOf, type Reply, waitOf, whatIs } from './http.js'

type Library = typeof import('oauth4webapi')

export interface Grant {
  /** The token endpoint itself, or the issuer whose metadata names it. */
  endpoint: { tokenUrl: string } | { issuer: string; discovery: 'oidc' | 'oauth2' }
  /** How the client says who it is. `none`: its parameters do. */
  client: { id: string; secret: string; auth: 'basic' | 'post' } | { id: string; auth: 'none' }
  type: string
  parameters: Record<string, string>
}

export interface Token {
  value: string
  /** Seconds; the answer need not have them. */
  expiresIn: number | undefined
}

async function load(origin: Origin): Promise<Library> {
  try {
    return await import('oauth4webapi')
  } catch (error) {
    const code = String(Object(error).code)
    const isMissing = code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND'
    const what = isMissing ? 'the package oauth4webapi is missing' : 'the package oauth4webapi cannot be loaded'
    throw failed(origin, 'FETCHER_DEPENDENCY', `${what}: npm install oauth4webapi`)
  }
}

function authentication({ ClientSecretBasic, ClientSecretPost }: Library, client: Grant['client']): ClientAuth {
  if (client.auth === 'none') return () => {}
  return client.auth === 'basic' ? ClientSecretBasic(client.secret) : ClientSecretPost(client.secret)
}

/** No body is allowed with these. */
const EMPTY = [204, 205, 304]

/** The library's view of an answer that has been read: with its content type only, its text being decoded already. */
function responseOf({ status, headers, text }: Reply): Response {
  const type = headers.get('content-type')
  return new Response(EMPTY.includes(status) ? null : text, { status, headers: type === null ? {} : { 'content-type': type } })
}

/** @throws FetcherError */
export async function requestToken(grant: Grant, origin: Origin, signal: AbortSignal): Promise<Token> {
  const library = await load(origin)
  const { endpoint, client, type, parameters } = grant
  let last: Reply | undefined
  const url = 'issuer' in endpoint ? endpoint.issuer : endpoint.tokenUrl
  const options = {
    signal,
    // Only where the user wrote http himself.
    [library.allowInsecureRequests]: url.startsWith('http:'),
    [library.customFetch]: async (
      url: string,
      { method, headers, body }: { method: string; headers: object; body?: unknown },
    ) => {
      last = undefined
      const content = body === undefined || body === null ? {} : { body: String(body) }
      last = await exchange({ method, url, headers: { ...headers }, ...content, signal }, origin)
      return responseOf(last)
    },
  }
  try {
    const server = 'issuer' in endpoint ? await discover(library, endpoint, options) : { issuer: url, token_endpoint: url }
    const who = { client_id: client.id }
    const auth = authentication(library, client)
    const response = await library.genericTokenEndpointRequest(server, who, auth, type, parameters, options)
    const { access_token, expires_in } = await library.processGenericTokenEndpointResponse(server, who, response)
    if (access_token === '') throw failed(origin, 'FETCHER_ANSWER', 'the access_token is empty')
    return { value: access_token, expiresIn: expires_in }
  } catch (error) {
    throw translated(error, last, origin)
  }
}

async function discover(library: Library, endpoint: { issuer: string; discovery: 'oidc' | 'oauth2' }, options: object) {
  const issuer = new URL(endpoint.issuer)
  const response = await library.discoveryRequest(issuer, { ...options, algorithm: endpoint.discovery })
  return library.processDiscoveryResponse(issuer, response)
}

/** Standard errors (RFC 6749, 8707) that a person must set right. */
const LASTING = ['invalid_client', 'invalid_grant', 'invalid_request', 'invalid_scope', 'invalid_target', 'access_denied']
LASTING.push('unauthorized_client', 'unsupported_grant_type')

const SENTENCES: Record<string, string> = {
  OAUTH_INVALID_RESPONSE: 'a field that the protocol requires is missing or wrong',
  OAUTH_UNSUPPORTED_OPERATION: 'the token_type is not bearer',
  OAUTH_HTTP_REQUEST_FORBIDDEN: 'the token endpoint that the issuer names is not https',
  OAUTH_MISSING_SERVER_METADATA: 'the issuer names no token endpoint',
  OAUTH_INVALID_SERVER_METADATA: 'the token endpoint that the issuer names is no URL',
  OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED: 'the metadata belong to another issuer',
}

/** A fresh error, made of what the upstream said or of one of our own sentences. */
function translated(error: unknown, last: Reply | undefined, origin: Origin): FetcherError {
  const { name, code } = Object(error) as { name?: unknown; code?: unknown }
  if (name === 'FetcherError') return error as FetcherError
  if (last === undefined) return failed(origin, 'FETCHER_TRANSPORT', SENTENCES[String(code)] ?? 'the request could not be made')
  const { status, text } = last
  const answer = objectOf(text)
  if (typeof answer?.error === 'string' && answer.error !== '') {
    const retryAfter = waitOf(last) ?? (LASTING.includes(answer.error) ? PERMANENT : undefined)
    return refused(origin, status, { code: answer.error, message: answer.error_description }, retryAfter)
  }
  if (status !== 200) return failed(origin, 'FETCHER_HTTP', `HTTP status ${status}`, { status, retryAfter: waitOf(last) })
  if (answer === undefined) return failed(origin, 'FETCHER_ANSWER', whatIs(text), { status })
  return failed(origin, 'FETCHER_ANSWER', SENTENCES[String(code)] ?? 'the answer cannot be understood', { status })
}
