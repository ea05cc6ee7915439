/** The paths about quotas and request ids. */
import type { AccountState } from '../model/account.js'
import { authenticateBySecret, authenticateByToken, type HandlerContext, type JsonObject } from '../model/fake-request.js'
import { nonEmptyText, parseJsonObject, refuse } from '../model/refusal.js'
import { postedObject } from './business.js'

const OK_BODY = { errcode: 0, errmsg: 'ok' }

/** How long a request can be found by its id. */
const RID_KEPT_S = 7 * 86_400

type IsKnownPath = (path: string) => boolean

function resetQuotas(context: HandlerContext, account: AccountState): JsonObject {
  if (!account.monthlyClears.take(context.now)) refuse(48006)
  account.resetQuotas()
  return OK_BODY
}

/** clear_quota. */
export function clearQuota(context: HandlerContext): JsonObject {
  const account = authenticateByToken(context)
  const appId = nonEmptyText(postedObject(context).appid) ?? refuse(41002)
  if (appId !== account.appId) refuse(40013)
  return resetQuotas(context, account)
}

/** clear_quota/v2: with the AppSecret, in the query or the body. It shares its quota with clear_quota. */
export function clearQuotaBySecret(context: HandlerContext): JsonObject {
  const { query, body } = context.request
  const posted = body === '' ? {} : parseJsonObject(body)
  const field = (name: string) => nonEmptyText(posted[name]) ?? query.get(name) ?? undefined
  return resetQuotas(context, authenticateBySecret(context, field('appid'), field('appsecret'), false))
}

/** The path that the body names. */
function postedPath(context: HandlerContext, isKnownPath: IsKnownPath): string {
  const path = nonEmptyText(postedObject(context).cgi_path) ?? refuse(76021)
  if (path.startsWith('/sns/')) refuse(76022)
  return isKnownPath(path) ? path : refuse(76021)
}

/** openapi/quota/get. */
export function quotaGet(context: HandlerContext, isKnownPath: IsKnownPath): JsonObject {
  const account = authenticateByToken(context)
  const path = postedPath(context, isKnownPath)
  const counter = account.dailyQuota(path)
  const used = counter.used(context.now)
  // JSON has no infinity.
  const limit = Math.min(counter.limit, Number.MAX_SAFE_INTEGER)
  const quota = { daily_limit: limit, used, remain: limit - used }
  if (path !== '/cgi-bin/stable_token') return { ...OK_BODY, quota }
  return { ...OK_BODY, quota, rate_limit: { call_count: account.stablePerMinute.limit, refresh_second: 60 } }
}

/** openapi/quota/clear. */
export function quotaClear(context: HandlerContext, isKnownPath: IsKnownPath): JsonObject {
  const account = authenticateByToken(context)
  const path = postedPath(context, isKnownPath)
  if (!account.monthlyPathClears.take(context.now)) refuse(48006)
  account.dailyQuota(path).clear()
  return OK_BODY
}

/** openapi/rid/get: shows a logged request without anything secret. */
export function ridGet(context: HandlerContext): JsonObject {
  const account = authenticateByToken(context)
  const rid = nonEmptyText(postedObject(context).rid)
  if (rid === undefined || !/^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$/.test(rid)) return refuse(76002)
  if (context.now / 1000 - Number.parseInt(rid.slice(0, 8), 16) > RID_KEPT_S) refuse(76004)
  const entry = context.log.findByRid(rid) ?? refuse(76001)
  if (entry.appId !== undefined && entry.appId !== account.appId) refuse(76003)
  const request = {
    invoke_time: Math.floor(entry.at / 1000),
    cost_in_ms: 1,
    request_url: entry.path,
    request_body: '',
    response_body: JSON.stringify({ errcode: entry.errcode ?? 0 }),
    client_ip: entry.ip,
  }
  return { ...OK_BODY, request }
}
