import type { KeyOptions } from 'dotdog'
import { checkId, checkObject, checkUrl, checkWords } from '../lib/options.js'
import type { Registration } from '../lib/provider.js'
import { clientCredentials } from './oauth2.js'

export interface EntraOptions {
  /** The directory: its ID or one of its domains. */
  tenant: string
  clientId: string
  clientSecret: string
  /** One API and `/.default`: an app without a user gets what an administrator has granted. */
  scope: string
  /** Default `https://login.microsoftonline.com`; sovereign clouds have others. */
  baseUrl?: string
}

/**
 * Microsoft Entra ID (Azure AD): an app without a user. Over {@link oauth2}; needs `oauth4webapi`. Asking again returns a
 * **new** token, and older ones stay valid.
 *
 * @example
 * init('GRAPH_TOKEN', ...entra({ tenant, clientId, clientSecret, scope: 'https://graph.microsoft.com/.default' }))
 */
export function entra(account: EntraOptions, options?: KeyOptions): Registration {
  const { tenant, clientId, clientSecret, baseUrl = 'https://login.microsoftonline.com' } = checkObject('entra', account)
  const scope = checkWords('scope', account.scope)
  if (!scope?.endsWith('/.default')) throw new TypeError('scope must be an API followed by "/.default"')
  const tokenUrl = `${checkUrl('baseUrl', baseUrl)}/${encodeURIComponent(checkId('tenant', tenant))}/oauth2/v2.0/token`
  return clientCredentials('Entra ID', { tokenUrl, clientId, clientSecret, scope, auth: 'post' }, options)
}
