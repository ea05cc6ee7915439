import type { KeyOptions } from 'dotdog'
import { checkHttpUrl } from '../../core/shared/upstream/http-url.js'
import { ANYTHING, checkOptions, oneOf, type Rules } from '../../core/shared/validate.js'
import { type Grant, requestToken } from '../lib/oauth-grant.js'
import { accountRules, joinWords, PARAMETERS, POSITIVE_SECONDS, WORDS } from '../lib/options.js'
import { type Registration, register } from '../lib/provider.js'
import type { RejectionHints } from '../lib/rejection.js'

export interface OAuth2Options {
  /** The token endpoint. Either this or `issuer` must be given. */
  tokenUrl?: string
  /**
   * The authorization server. Its metadata name the token endpoint. They are read before each
   * fetch.
   */
  issuer?: string
  /**
   * Where the metadata of an issuer are: at OpenID Connect's path (`oidc`, the default) or at that
   * of RFC 8414 (`oauth2`).
   */
  discovery?: 'oidc' | 'oauth2'
  clientId: string
  clientSecret: string
  /** One scope, or a list of scopes. Default: none, so that the server decides. */
  scope?: string | readonly string[]
  audience?: string
  /** Further parameters of the request. Default: none. */
  parameters?: Record<string, string>
  /**
   * How the secret is sent: in a header (`basic`, the default, which every server must support) or
   * in the body (`post`).
   */
  auth?: 'basic' | 'post'
  /**
   * The lifetime in seconds if the response does not say it. Default 300: a lifetime that is too
   * short costs a fetch, and one that is too long costs an error.
   */
  expiresIn?: number
}

const { clientId, clientSecret }: Rules = accountRules('clientId', 'clientSecret')

/** `checkEndpoint` checks the URLs. */
const RULES: Rules = {
  tokenUrl: ANYTHING,
  issuer: ANYTHING,
  discovery: oneOf('oidc', 'oauth2'),
  clientId: clientId!,
  clientSecret: clientSecret!,
  scope: WORDS,
  audience: WORDS,
  parameters: PARAMETERS,
  auth: oneOf('basic', 'post'),
  expiresIn: POSITIVE_SECONDS,
}

/** The token causes 401. It does not cause 403 (`insufficient_scope`). */
export const isRejectedBearer = (hints: RejectionHints): boolean => hints.status === 401 || hints.has('error', 'invalid_token')

/** The lifetime if neither the response nor the user says it. */
export const DEFAULT_LIFETIME_S = 300

/** A shorter parameter is not masked in messages, because that would mask ordinary words too. */
const MIN_MASKED_CHARS = 8

function checkEndpoint({ tokenUrl, issuer, discovery = 'oidc' }: OAuth2Options): Grant['endpoint'] {
  if ((tokenUrl === undefined) === (issuer === undefined)) {
    throw new TypeError('oauth2 needs either tokenUrl or issuer, and not both')
  }
  if (tokenUrl !== undefined) return { tokenUrl: checkHttpUrl('tokenUrl', tokenUrl, { allowQuery: true }) }
  checkHttpUrl('issuer', issuer)
  // As it was written, because an issuer is compared character by character.
  return { issuer: issuer as string, discovery }
}

/** An endpoint in an identity, without its query. */
function placeOf(endpoint: Grant['endpoint']): string {
  const { host, pathname } = new URL('issuer' in endpoint ? endpoint.issuer : endpoint.tokenUrl)
  return `${host}${pathname}`.replace(/\/+$/, '')
}

/**
 * The token of OAuth 2 client credentials (RFC 6749 §4.4). It needs the package `oauth4webapi`
 * beside dotdog (`npm install oauth4webapi`), which the first fetch loads. Whether fetching again
 * returns the same token is the server's choice.
 *
 * The `identity` holds the client, the endpoint, the scope and the audience: use another key for
 * another scope.
 *
 * @throws TypeError for an unknown or wrong option.
 * @example
 * init('API_TOKEN', ...oauth2({ tokenUrl: 'https://auth.example.com/oauth/token', clientId, clientSecret, scope: 'read' }))
 * await use('API_TOKEN', async (token) => {
 *   const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
 *   if (!response.ok) throw Object.assign(new Error('refused'), { status: response.status }) // 401: the token is replaced
 *   return response.json()
 * })
 */
export function oauth2(client: OAuth2Options, options?: KeyOptions): Registration {
  return clientCredentials('OAuth 2', checkOptions('oauth2', client, RULES), options)
}

/** The registration of a client whose options were checked, except for its endpoint. */
export function clientCredentials(provider: string, client: OAuth2Options, options?: KeyOptions): Registration {
  const { clientId: id, clientSecret: secret, auth = 'basic', parameters = {}, expiresIn = DEFAULT_LIFETIME_S } = client
  const endpoint = checkEndpoint(client)
  const scope = joinWords(client.scope)
  const audience = joinWords(client.audience)
  const grant = {
    endpoint,
    client: { id, secret, auth },
    type: 'client_credentials',
    parameters: { ...parameters, ...(scope && { scope }), ...(audience && { audience }) },
  }
  // A further parameter may be a secret too, such as a password or an assertion.
  const maskedParameters = Object.values(parameters).filter((value) => value.length >= MIN_MASKED_CHARS)
  const context = { provider, secrets: [secret, `${id}:${secret}`, ...maskedParameters] }
  const identity = [`${id}@${placeOf(endpoint)}`, scope, audience].filter(Boolean).join(' ')
  const fetcher: Registration[0] = async ({ signal }) => {
    const token = await requestToken(grant, context, signal)
    return { value: token.value, expiresIn: token.expiresIn ?? expiresIn }
  }
  return register(fetcher, { identity, isRejected: isRejectedBearer }, options)
}
