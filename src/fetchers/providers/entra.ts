import type { KeyOptions } from 'dotdog'
import { checkHttpUrl } from '../../core/shared/upstream/http-url.js'
import { checkOptions, ID, required } from '../../core/shared/validate.js'
import { accountRules } from '../lib/options.js'
import type { Registration } from '../lib/provider.js'
import { clientCredentials } from './oauth2.js'

export interface EntraOptions {
  /** The directory: its ID or one of its domains. */
  tenant: string
  clientId: string
  clientSecret: string
  /**
   * One API followed by `/.default`: an app without a user gets the permissions that an
   * administrator has granted.
   */
  scope: string
  /** Default `https://login.microsoftonline.com`. Sovereign clouds have other hosts. */
  baseUrl?: string
}

const RULES = accountRules('clientId', 'clientSecret', {
  tenant: required(ID),
  scope: required({
    test: (value: unknown) => typeof value === 'string' && value.endsWith('/.default'),
    rule: 'must be an API followed by "/.default"',
  }),
})

/**
 * The token of an app without a user in Microsoft Entra ID (Azure AD), by {@link oauth2}. It needs
 * `oauth4webapi`. Fetching again returns a **new** token, and older ones stay valid.
 *
 * @throws TypeError for an unknown or wrong option.
 * @example
 * init('GRAPH_TOKEN', ...entra({ tenant, clientId, clientSecret, scope: 'https://graph.microsoft.com/.default' }))
 */
export function entra(account: EntraOptions, options?: KeyOptions): Registration {
  const { tenant, clientId, clientSecret, scope, baseUrl } = checkOptions<EntraOptions>('entra', account, RULES)
  const base = checkHttpUrl('baseUrl', baseUrl ?? 'https://login.microsoftonline.com')
  const tokenUrl = `${base}/${encodeURIComponent(tenant)}/oauth2/v2.0/token`
  return clientCredentials('Entra ID', { tokenUrl, clientId, clientSecret, scope, auth: 'post' }, options)
}
