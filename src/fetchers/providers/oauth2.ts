import type { KeyOptions } from 'dotdog'
import { type Grant, requestToken } from '../lib/oauth-grant.js'
import { checkId, checkObject, checkOneOf, checkSecret, checkUrl, checkWords } from '../lib/options.js'
import { type Registration, register } from '../lib/provider.js'
import type { Signs } from '../lib/rejection.js'

export interface OAuth2Options {
  /** The token endpoint. Not together with `issuer`. */
  tokenUrl?: string
  /** The authorization server: its metadata name the token endpoint. They are read before each fetch. */
  issuer?: string
  /** Where an issuer's metadata are: OpenID Connect's place (default), or that of RFC 8414. */
  discovery?: 'oidc' | 'oauth2'
  clientId: string
  clientSecret: string
  scope?: string | readonly string[]
  audience?: string
  /** Further parameters of the request. */
  parameters?: Record<string, string>
  /** How the client shows its secret: in a header (default, which every server must know) or in the body. */
  auth?: 'basic' | 'post'
  /** Seconds that a token lives whose answer does not say so. Default 300: too early costs a fetch, too late an error. */
  expiresIn?: number
}

/** 401 is the token's fault; 403 (`insufficient_scope`) is not. */
export const isDeadBearer = (signs: Signs): boolean => signs.status === 401 || signs.has('error', 'invalid_token')

/** Seconds, where neither the answer nor the user names any. */
export const UNKNOWN_LIFETIME = 300

const placeOf = (url: string): string => {
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`.replace(/\/+$/, '')
}

function checkEndpoint({ tokenUrl, issuer, discovery = 'oidc' }: OAuth2Options): Grant['endpoint'] {
  if ((tokenUrl === undefined) === (issuer === undefined)) throw new TypeError('oauth2 wants either tokenUrl or issuer')
  checkOneOf('discovery', discovery, ['oidc', 'oauth2'])
  if (tokenUrl !== undefined) return { tokenUrl: checkUrl('tokenUrl', tokenUrl, true) }
  checkUrl('issuer', issuer)
  // As it was written: an issuer is compared letter by letter.
  return { issuer: issuer as string, discovery }
}

/**
 * OAuth 2 client credentials (RFC 6749 §4.4). Needs the package `oauth4webapi` beside dotdog: `npm install oauth4webapi`; it is
 * loaded by the first fetch. Whether asking again returns the same token is the server's choice.
 *
 * The `identity` has the client, the endpoint, the scope and the audience: for another scope use another key.
 *
 * @example
 * init('API_TOKEN', ...oauth2({ tokenUrl: 'https://auth.example.com/oauth/token', clientId, clientSecret, scope: 'read' }))
 * await use('API_TOKEN', async (token) => {
 *   const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
 *   if (!answer.ok) throw Object.assign(new Error('refused'), { status: answer.status }) // 401: the token is replaced
 *   return answer.json()
 * })
 */
export function oauth2(client: OAuth2Options, options?: KeyOptions): Registration {
  return clientCredentials('OAuth 2', checkObject('oauth2', client), options)
}

export function clientCredentials(provider: string, client: OAuth2Options, options?: KeyOptions): Registration {
  const { clientId, clientSecret, auth = 'basic', parameters = {}, expiresIn = UNKNOWN_LIFETIME } = client
  const endpoint = checkEndpoint(client)
  const id = checkId('clientId', clientId)
  const secret = checkSecret('clientSecret', clientSecret)
  checkOneOf('auth', auth, ['basic', 'post'])
  if (!(typeof expiresIn === 'number' && expiresIn > 0)) throw new TypeError('expiresIn must be a number of seconds, over 0')
  const scope = checkWords('scope', client.scope)
  const audience = checkWords('audience', client.audience)
  const grant = {
    endpoint,
    client: { id, secret, auth },
    type: 'client_credentials',
    parameters: { ...checkObject('parameters', parameters), ...(scope && { scope }), ...(audience && { audience }) },
  }
  // A further parameter may be a secret too (a password, an assertion); a short one would mask ordinary words.
  const further = Object.values(parameters).filter((one) => one.length > 7)
  const origin = { provider, secrets: [secret, `${id}:${secret}`, ...further] }
  const place = placeOf('issuer' in endpoint ? endpoint.issuer : endpoint.tokenUrl)
  const identity = [`${id}@${place}`, scope, audience].filter(Boolean).join(' ')
  const fetcher: Registration[0] = async ({ signal }) => {
    const token = await requestToken(grant, origin, signal)
    return { value: token.value, expiresIn: token.expiresIn ?? expiresIn }
  }
  return register(fetcher, { identity, isDead: isDeadBearer }, options)
}
