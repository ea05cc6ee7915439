// Which path is what.

import type { Body, Context } from '../model/fake-request.js'
import type { Endpoint } from '../model/faults.js'
import * as business from './business.js'
import * as diagnosis from './quotas.js'
import * as credential from './tokens.js'

export interface Route {
  endpoint: Endpoint
  /** A GET is 43002. */
  post?: true
  /** It takes an AppSecret: 40001 would mean another thing. */
  credential?: true
  handle: (context: Context) => Body
}

const MESSAGES = '/cgi-bin/message/'

const knows = (path: string): boolean => routeOf(path) !== undefined

const message: Route = { endpoint: 'call', post: true, handle: business.message }

const routes: Readonly<Record<string, Route>> = {
  '/cgi-bin/token': { endpoint: 'token', credential: true, handle: credential.token },
  '/cgi-bin/stable_token': { endpoint: 'stable', post: true, credential: true, handle: credential.stableToken },
  '/cgi-bin/ticket/getticket': { endpoint: 'ticket', handle: business.ticket },
  '/cgi-bin/getcallbackip': { endpoint: 'call', handle: business.addresses },
  '/cgi-bin/get_api_domain_ip': { endpoint: 'call', handle: business.addresses },
  '/cgi-bin/user/info': { endpoint: 'call', handle: business.userInfo },
  '/cgi-bin/callback/check': { endpoint: 'call', post: true, handle: business.callbackCheck },
  '/sns/jscode2session': { endpoint: 'call', credential: true, handle: business.codeToSession },
  '/cgi-bin/clear_quota': { endpoint: 'quota', post: true, handle: diagnosis.clearQuota },
  '/cgi-bin/clear_quota/v2': { endpoint: 'quota', post: true, credential: true, handle: diagnosis.clearQuotaBySecret },
  '/cgi-bin/openapi/quota/get': { endpoint: 'quota', post: true, handle: (context) => diagnosis.quotaGet(context, knows) },
  '/cgi-bin/openapi/quota/clear': { endpoint: 'quota', post: true, handle: (context) => diagnosis.quotaClear(context, knows) },
  '/cgi-bin/openapi/rid/get': { endpoint: 'quota', post: true, handle: diagnosis.ridGet },
}

export function routeOf(path: string): Route | undefined {
  if (Object.hasOwn(routes, path)) return routes[path]
  return path.startsWith(MESSAGES) && path.length > MESSAGES.length ? message : undefined
}
