/** The paths that take an AppSecret and return a token. */
import { authenticateBySecret, type HandlerContext, type JsonObject, takeDailyQuota } from '../model/fake-request.js'
import { nonEmptyText, parseJsonObject, refuse } from '../model/refusal.js'

/** GET /cgi-bin/token: each response is a new token, and the replaced one has only its overlap left. */
export function token(context: HandlerContext): JsonObject {
  const { query } = context.request
  const account = authenticateBySecret(context, query.get('appid') ?? undefined, query.get('secret') ?? undefined, true)
  if (query.get('grant_type') !== 'client_credential') refuse(40002)
  takeDailyQuota(context, account)
  if (context.sameToken && account.legacy.newest !== undefined) {
    return { access_token: account.legacy.newest, expires_in: context.rules.ttl }
  }
  context.count.rotated += 1
  return { access_token: account.legacy.rotate(context.now), expires_in: context.rules.ttl }
}

/** POST /cgi-bin/stable_token: the same token for every caller, with the seconds it has left. */
export function stableToken(context: HandlerContext): JsonObject {
  const { now, count, request } = context
  const body = parseJsonObject(request.body, 41002)
  const account = authenticateBySecret(context, nonEmptyText(body.appid), nonEmptyText(body.secret), true)
  if (body.grant_type !== 'client_credential') refuse(40002)
  const isForced = body.force_refresh === true
  if (account.stablePerMinute.used(now) >= account.stablePerMinute.limit) refuse(45011)
  takeDailyQuota(context, account)
  account.stablePerMinute.take(now)
  const result = (isForced ? account.stable.forceRefresh(now) : account.stable.get(now)) ?? refuse(45009)
  if (result.rotated) count.stableRotated += 1
  if (result.rotated === 'forced') count.forced += 1
  return { access_token: result.token, expires_in: result.expiresIn }
}
