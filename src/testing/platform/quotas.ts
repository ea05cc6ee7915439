// The paths about quotas and request ids.
import type { AccountState } from '../model/account.js'
import { admit, type Body, type Context, recognise } from '../model/fake-request.js'
import { jsonOf, refuse, textOf } from '../model/refusal.js'
import { posted } from './business.js'

const OK = { errcode: 0, errmsg: 'ok' }

/** Seconds a request id is kept. */
const KEPT = 7 * 86_400

function clear(context: Context, state: AccountState): Body {
  if (!state.clears.take(context.now)) refuse(48006)
  state.clearQuota()
  return OK
}

export function clearQuota(context: Context): Body {
  const state = recognise(context)
  const appId = textOf(posted(context).appid) ?? refuse(41002)
  if (appId !== state.appId) refuse(40013)
  return clear(context, state)
}

/** clear_quota/v2: with the AppSecret, in the query or in the body. Counts with clear_quota. */
export function clearQuotaBySecret(context: Context): Body {
  const { query, body } = context.request
  const given = body === '' ? {} : jsonOf(body)
  const of = (name: string) => textOf(given[name]) ?? query.get(name) ?? undefined
  return clear(context, admit(context, of('appid'), of('appsecret'), false))
}

/** The path of the body. `knows`: whether the platform has it. */
function pathOf(context: Context, knows: (path: string) => boolean): string {
  const path = textOf(posted(context).cgi_path) ?? refuse(76021)
  if (path.startsWith('/sns/')) refuse(76022)
  return knows(path) ? path : refuse(76021)
}

export function quotaGet(context: Context, knows: (path: string) => boolean): Body {
  const state = recognise(context)
  const path = pathOf(context, knows)
  const counter = state.quota(path)
  const used = counter.used(context.now)
  // JSON has no infinity.
  const limit = Math.min(counter.limit, Number.MAX_SAFE_INTEGER)
  const quota = { daily_limit: limit, used, remain: limit - used }
  if (path !== '/cgi-bin/stable_token') return { ...OK, quota }
  return { ...OK, quota, rate_limit: { call_count: state.stableMinute.limit, refresh_second: 60 } }
}

export function quotaClear(context: Context, knows: (path: string) => boolean): Body {
  const state = recognise(context)
  const path = pathOf(context, knows)
  if (!state.pathClears.take(context.now)) refuse(48006)
  state.quota(path).clear()
  return OK
}

/** rid/get: what was asked, without anything secret. */
export function ridGet(context: Context): Body {
  const state = recognise(context)
  const rid = textOf(posted(context).rid)
  if (rid === undefined || !/^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$/.test(rid)) return refuse(76002)
  if (context.now / 1000 - Number.parseInt(rid.slice(0, 8), 16) > KEPT) refuse(76004)
  const entry = context.log.find(rid) ?? refuse(76001)
  if (entry.appId !== undefined && entry.appId !== state.appId) refuse(76003)
  const request = {
    invoke_time: Math.floor(entry.at / 1000),
    cost_in_ms: 1,
    request_url: entry.path,
    request_body: '',
    response_body: JSON.stringify({ errcode: entry.errcode ?? 0 }),
    client_ip: entry.ip,
  }
  return { ...OK, request }
}
