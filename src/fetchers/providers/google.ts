import type { KeyOptions } from 'dotdog'
import { checkPrivateKey, signJwt } from '../lib/jwt.js'
import { requestToken } from '../lib/oauth-grant.js'
import { checkId, checkObject, checkUrl, checkWords } from '../lib/options.js'
import { type Registration, register } from '../lib/provider.js'
import { isDeadBearer, UNKNOWN_LIFETIME } from './oauth2.js'

export interface GoogleOptions {
  /** What stands in the JSON file of the service account's key. */
  credentials: { client_email: string; private_key: string; private_key_id?: string }
  scope: string | readonly string[]
  /** The user on whose behalf it acts, where an administrator has allowed that. */
  subject?: string
  /** Default `https://oauth2.googleapis.com`; a proxy's path is kept. */
  baseUrl?: string
}

const AUDIENCE = 'https://oauth2.googleapis.com/token'

/** Seconds, as long as Google takes. */
const LIFETIME = 3600

/**
 * A Google service account (RFC 7523). Needs `oauth4webapi`. Asking again returns a **new** token, and older ones stay valid.
 *
 * @example
 * const credentials = JSON.parse(await readFile(process.env.GOOGLE_APPLICATION_CREDENTIALS, 'utf8'))
 * init('GOOGLE_TOKEN', ...google({ credentials, scope: 'https://www.googleapis.com/auth/cloud-platform' }))
 */
export function google(account: GoogleOptions, options?: KeyOptions): Registration {
  const { credentials, subject, baseUrl = 'https://oauth2.googleapis.com' } = checkObject('google', account)
  const { client_email, private_key, private_key_id } = checkObject('credentials', credentials)
  const tokenUrl = `${checkUrl('baseUrl', baseUrl)}/token`
  const iss = checkId('client_email', client_email)
  const key = checkPrivateKey('private_key', private_key)
  const sub = subject === undefined ? undefined : checkId('subject', subject)
  const scope = checkWords('scope', account.scope)
  if (scope === undefined) throw new TypeError('scope must be a non-empty string or a list of such; got undefined')
  const fetcher: Registration[0] = async ({ signal }) => {
    const iat = Math.floor(Date.now() / 1000)
    const assertion = signJwt({ iss, sub, scope, aud: AUDIENCE, iat, exp: iat + LIFETIME }, key, private_key_id)
    const type = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
    const grant = { endpoint: { tokenUrl }, client: { id: iss, auth: 'none' as const }, type, parameters: { assertion } }
    const { value, expiresIn } = await requestToken(grant, { provider: 'Google', secrets: [assertion] }, signal)
    return { value, expiresIn: expiresIn ?? UNKNOWN_LIFETIME }
  }
  const identity = [`google:${iss}`, sub, scope].filter(Boolean).join(' ')
  return register(fetcher, { identity, isDead: isDeadBearer }, options)
}
