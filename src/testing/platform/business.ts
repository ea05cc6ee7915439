/** The paths that take a token, as far as tests need them: tickets and a few business calls. */
import { parseTicketType } from '../model/account.js'
import {
  authenticateBySecret,
  authenticateByToken,
  type HandlerContext,
  type JsonObject,
  takeDailyQuota,
} from '../model/fake-request.js'
import { nonEmptyText, parseJsonObject, refuse } from '../model/refusal.js'

const OK_BODY = { errcode: 0, errmsg: 'ok' }

const openIdOf = (code: string): string => `o${Buffer.from(code).toString('hex').padEnd(27, '0').slice(0, 27)}`

/**
 * The JSON object in the body of a POST.
 *
 * @throws ErrcodeRefusal 44002 for an empty body, 47001 for one that is not a JSON object.
 */
export const postedObject = ({ request }: HandlerContext): JsonObject =>
  request.body === '' ? refuse(44002) : parseJsonObject(request.body)

/** getticket. Like the real platform, it names the whole window as `expires_in`, not the rest of it. */
export function ticket(context: HandlerContext): JsonObject {
  const account = authenticateByToken(context)
  takeDailyQuota(context, account)
  const window = account.tickets[parseTicketType(context.request.query.get('type')) ?? refuse(40097)]
  const ticket = window.ticketAt(context.now)
  const remainingS = Math.floor(window.remainingMs(context.now) / 1000)
  return { ...OK_BODY, ticket, expires_in: context.rules.ticketRemaining ? remainingS : context.rules.ticketTtl }
}

/** getcallbackip and get_api_domain_ip. */
export function addresses(context: HandlerContext): JsonObject {
  takeDailyQuota(context, authenticateByToken(context))
  return { ip_list: ['127.0.0.1', '127.0.0.2', '127.0.1.0/25'] }
}

/** user/info. */
export function userInfo(context: HandlerContext): JsonObject {
  const { query } = context.request
  takeDailyQuota(context, authenticateByToken(context))
  const openid = query.get('openid') || refuse(40003)
  return { subscribe: 1, openid, language: query.get('lang') ?? 'zh_CN', subscribe_time: Math.floor(context.now / 1000) }
}

/** Every path under /cgi-bin/message/. */
export function message(context: HandlerContext): JsonObject {
  takeDailyQuota(context, authenticateByToken(context))
  postedObject(context)
  return { ...OK_BODY, msgid: context.count.call }
}

/** callback/check. */
export function callbackCheck(context: HandlerContext): JsonObject {
  takeDailyQuota(context, authenticateByToken(context))
  const { action, check_operator: operator } = postedObject(context)
  if (action !== 'dns' && action !== 'ping' && action !== 'all') refuse(40202)
  if (!['CHINANET', 'UNICOM', 'CAP', 'DEFAULT'].includes(operator as string)) refuse(40203)
  const dns = [{ ip: '127.0.0.1', real_operator: 'UNICOM' }]
  const ping = [{ ip: '127.0.0.1', from_operator: 'UNICOM', package_loss: '0%', time: '23.079ms' }]
  return { ...(action === 'ping' ? {} : { dns }), ...(action === 'dns' ? {} : { ping }) }
}

/** /sns/jscode2session: the login of a mini program, the only business call with an AppSecret. */
export function codeToSession(context: HandlerContext): JsonObject {
  const { query } = context.request
  const account = authenticateBySecret(context, query.get('appid') ?? undefined, query.get('secret') ?? undefined, false)
  if (query.get('grant_type') !== 'authorization_code') refuse(40002)
  const code = nonEmptyText(query.get('js_code')) ?? refuse(40029)
  takeDailyQuota(context, account)
  return { openid: openIdOf(code), session_key: Buffer.from(code.padEnd(16, '0').slice(0, 16)).toString('base64') }
}
