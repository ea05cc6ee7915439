/** The handler of each path. */
import type { FileResponse, HandlerContext, JsonObject } from '../model/fake-request.js'
import type { Endpoint } from '../model/faults.js'
import * as business from './business.js'
import * as component from './component.js'
import * as media from './media.js'
import * as quotas from './quotas.js'
import * as tokens from './tokens.js'

export interface Route {
  endpoint: Endpoint
  /** A GET is refused with 43002. */
  needsPost?: true
  /** The path takes an AppSecret, so that 40001 has another text. */
  takesAppSecret?: true
  handle: (context: HandlerContext) => JsonObject | FileResponse
}

const MESSAGE_PATH_PREFIX = '/cgi-bin/message/'
const MESSAGE_ROUTE: Route = { endpoint: 'call', needsPost: true, handle: business.message }

const isKnownPath = (path: string): boolean => routeOf(path) !== undefined

const ROUTES: Readonly<Record<string, Route>> = {
  '/cgi-bin/token': { endpoint: 'token', takesAppSecret: true, handle: tokens.token },
  '/cgi-bin/stable_token': { endpoint: 'stable', needsPost: true, takesAppSecret: true, handle: tokens.stableToken },
  '/cgi-bin/ticket/getticket': { endpoint: 'ticket', handle: business.ticket },
  '/cgi-bin/getcallbackip': { endpoint: 'call', handle: business.addresses },
  '/cgi-bin/get_api_domain_ip': { endpoint: 'call', handle: business.addresses },
  '/cgi-bin/user/info': { endpoint: 'call', handle: business.userInfo },
  '/cgi-bin/callback/check': { endpoint: 'call', needsPost: true, handle: business.callbackCheck },
  '/cgi-bin/media/upload': { endpoint: 'call', needsPost: true, handle: media.upload },
  '/cgi-bin/media/get': { endpoint: 'call', handle: media.download },
  '/wxa/getwxacodeunlimit': { endpoint: 'call', needsPost: true, handle: media.qrCode },
  '/sns/jscode2session': { endpoint: 'call', takesAppSecret: true, handle: business.codeToSession },
  '/cgi-bin/component/api_component_token': {
    endpoint: 'component',
    needsPost: true,
    takesAppSecret: true,
    handle: component.componentToken,
  },
  '/cgi-bin/component/api_authorizer_token': { endpoint: 'authorizer', needsPost: true, handle: component.authorizerToken },
  '/cgi-bin/clear_quota': { endpoint: 'quota', needsPost: true, handle: quotas.clearQuota },
  '/cgi-bin/clear_quota/v2': {
    endpoint: 'quota',
    needsPost: true,
    takesAppSecret: true,
    handle: quotas.clearQuotaBySecret,
  },
  '/cgi-bin/openapi/quota/get': {
    endpoint: 'quota',
    needsPost: true,
    handle: (context) => quotas.quotaGet(context, isKnownPath),
  },
  '/cgi-bin/openapi/quota/clear': {
    endpoint: 'quota',
    needsPost: true,
    handle: (context) => quotas.quotaClear(context, isKnownPath),
  },
  '/cgi-bin/openapi/rid/get': { endpoint: 'quota', needsPost: true, handle: quotas.ridGet },
}

/** The route of a path; `undefined` for an unknown path. */
export function routeOf(path: string): Route | undefined {
  if (Object.hasOwn(ROUTES, path)) return ROUTES[path]
  return path.startsWith(MESSAGE_PATH_PREFIX) && path.length > MESSAGE_PATH_PREFIX.length ? MESSAGE_ROUTE : undefined
}
