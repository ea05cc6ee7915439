import type { KeyOptions } from 'dotdog'
import { checkHttpUrl } from '../../core/shared/upstream/http-url.js'
import { ANYTHING, checkObject, checkOptions, checkValue, ID, type Rules, required } from '../../core/shared/validate.js'
import { checkPrivateKey, signJwt } from '../lib/jwt.js'
import { requestToken } from '../lib/oauth-grant.js'
import { joinWords, WORDS } from '../lib/options.js'
import { type Registration, register } from '../lib/provider.js'
import { DEFAULT_LIFETIME_S, isRejectedBearer } from './oauth2.js'

export interface GoogleOptions {
  /** The content of the service account's key file, parsed. Further members are ignored. */
  credentials: { client_email: string; private_key: string; private_key_id?: string }
  /** One scope, or a list of scopes. */
  scope: string | readonly string[]
  /**
   * The user for whom the account acts, where an administrator has allowed that. Default: the
   * account itself.
   */
  subject?: string
  /** Default `https://oauth2.googleapis.com`. The path of a proxy is kept. */
  baseUrl?: string
}

/** The members of `credentials` and the `baseUrl` are checked one by one. */
const RULES: Rules = { credentials: ANYTHING, scope: required(WORDS), subject: ID, baseUrl: ANYTHING }

const AUDIENCE = 'https://oauth2.googleapis.com/token'

/** The longest lifetime that Google accepts. */
const JWT_LIFETIME_S = 3600

/**
 * The token of a Google service account (RFC 7523). It needs `oauth4webapi`. Fetching again returns
 * a **new** token, and older ones stay valid.
 *
 * @throws TypeError for an unknown or wrong option.
 * @example
 * const credentials = JSON.parse(await readFile(process.env.GOOGLE_APPLICATION_CREDENTIALS, 'utf8'))
 * init('GOOGLE_TOKEN', ...google({ credentials, scope: 'https://www.googleapis.com/auth/cloud-platform' }))
 */
export function google(account: GoogleOptions, options?: KeyOptions): Registration {
  const { credentials, subject, baseUrl, scope: scopes } = checkOptions<GoogleOptions>('google', account, RULES)
  checkObject('credentials', credentials)
  const { client_email: iss, private_key, private_key_id } = credentials
  checkValue('client_email', iss, required(ID))
  const tokenUrl = `${checkHttpUrl('baseUrl', baseUrl ?? 'https://oauth2.googleapis.com')}/token`
  const key = checkPrivateKey('private_key', private_key)
  const scope = joinWords(scopes)
  const fetcher: Registration[0] = async ({ signal }) => {
    const iat = Math.floor(Date.now() / 1000)
    const claims = { iss, sub: subject, scope, aud: AUDIENCE, iat, exp: iat + JWT_LIFETIME_S }
    const assertion = signJwt(claims, key, private_key_id)
    const type = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
    const grant = { endpoint: { tokenUrl }, client: { id: iss, auth: 'none' as const }, type, parameters: { assertion } }
    const { value, expiresIn } = await requestToken(grant, { provider: 'Google', secrets: [assertion] }, signal)
    return { value, expiresIn: expiresIn ?? DEFAULT_LIFETIME_S }
  }
  const identity = [`google:${iss}`, subject, scope].filter(Boolean).join(' ')
  return register(fetcher, { identity, isRejected: isRejectedBearer }, options)
}
