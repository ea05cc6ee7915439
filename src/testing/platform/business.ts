// The paths that take a token, as far as a test needs them: tickets, and a few calls that check what they are given.
import { ticketTypeOf } from '../model/account.js'
import { admit, type Body, type Context, recognise, spend } from '../model/fake-request.js'
import { jsonOf, refuse, textOf } from '../model/refusal.js'

const OK = { errcode: 0, errmsg: 'ok' }

const openIdOf = (code: string): string => `o${Buffer.from(code).toString('hex').padEnd(27, '0').slice(0, 27)}`

/** A JSON object in the body of a POST. */
export const posted = ({ request }: Context): Body => (request.body === '' ? refuse(44002) : jsonOf(request.body))

/** The whole window every time, not the rest of it: so the real one answers. */
export function ticket(context: Context): Body {
  const state = recognise(context)
  spend(context, state)
  const window = state.tickets[ticketTypeOf(context.request.query.get('type')) ?? refuse(40097)]
  const ticket = window.at(context.now)
  const remaining = Math.floor(window.remaining(context.now) / 1000)
  return { ...OK, ticket, expires_in: context.rules.ticketRemaining ? remaining : context.rules.ticketTtl }
}

/** getcallbackip and get_api_domain_ip. */
export function addresses(context: Context): Body {
  spend(context, recognise(context))
  return { ip_list: ['127.0.0.1', '127.0.0.2', '127.0.1.0/25'] }
}

export function userInfo(context: Context): Body {
  const { query } = context.request
  spend(context, recognise(context))
  const openid = query.get('openid') || refuse(40003)
  return { subscribe: 1, openid, language: query.get('lang') ?? 'zh_CN', subscribe_time: Math.floor(context.now / 1000) }
}

export function message(context: Context): Body {
  spend(context, recognise(context))
  posted(context)
  return { ...OK, msgid: context.count.call }
}

/** callback/check. */
export function callbackCheck(context: Context): Body {
  spend(context, recognise(context))
  const { action, check_operator: operator } = posted(context)
  if (action !== 'dns' && action !== 'ping' && action !== 'all') refuse(40202)
  if (!['CHINANET', 'UNICOM', 'CAP', 'DEFAULT'].includes(operator as string)) refuse(40203)
  const dns = [{ ip: '127.0.0.1', real_operator: 'UNICOM' }]
  const ping = [{ ip: '127.0.0.1', from_operator: 'UNICOM', package_loss: '0%', time: '23.079ms' }]
  return { ...(action === 'ping' ? {} : { dns }), ...(action === 'dns' ? {} : { ping }) }
}

/** /sns/jscode2session: a mini program's login, the one business call with an AppSecret. */
export function codeToSession(context: Context): Body {
  const { query } = context.request
  const state = admit(context, query.get('appid') ?? undefined, query.get('secret') ?? undefined, false)
  if (query.get('grant_type') !== 'authorization_code') refuse(40002)
  const code = textOf(query.get('js_code')) ?? refuse(40029)
  spend(context, state)
  return { openid: openIdOf(code), session_key: Buffer.from(code.padEnd(16, '0').slice(0, 16)).toString('base64') }
}
