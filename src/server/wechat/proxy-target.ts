// Where a request may be passed on to: what of its path and query goes on, and what never does. It deliberately knows nothing of
// hosts: the origin is the account's, whatever was asked for.
import { refuse } from './errors.js'

/**
 * The first parts of the platform's paths. Others are none of ours: an address that this server does not know must be its own 404.
 */
export const PLACES = [
  ...['cgi-bin', 'sns', 'wxa', 'wxaapi', 'card', 'customservice', 'datacube', 'merchant', 'shakearound', 'device', 'bizwifi'],
  ...['semantic', 'cv', 'tcb', 'product', 'channels', 'shop', 'union', 'intp', 'nontax', 'hardware', 'scan', 'cityservice'],
  ...['xpay', 'redpacketcover', 'marketing', 'retail', 'publicplatform', 'pay'],
]

/** They take the AppSecret, or give a token that is not ours to give. */
const CREDENTIAL = new Set([
  ...['/cgi-bin/token', '/cgi-bin/stable_token', '/cgi-bin/ticket/getticket', '/cgi-bin/clear_quota/v2'],
  ...['/sns/oauth2/access_token', '/sns/oauth2/refresh_token', '/sns/jscode2session', '/sns/component/jscode2session'],
  ...['/cgi-bin/component/api_component_token', '/cgi-bin/component/clear_quota/v2'],
])

/** No dots alone, no escapes, no empty part, no backslash: what is looked at here is what the platform will see. */
const PATH = /^(\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+$/
const QUERY = /^[\x21\x22\x24-\x7e]*$/

export interface Target {
  path: string
  /** The query without its access token, as it was sent. */
  rest: string
  /** Who asks. */
  accessToken: string
}

/**
 * Reads a request's target.
 *
 * @throws Refusal 40066 for a path that is none, 48001 for one that takes the AppSecret, 41001 without a token, 40097 for several.
 */
export function targetOf(url: string): Target {
  const [path = '', ...more] = url.split('?')
  const query = more.join('?')
  if (!PATH.test(path) || !QUERY.test(query)) refuse(40066)
  if (CREDENTIAL.has(path.toLowerCase())) refuse(48001, 'the AppSecret stays at the server, so that this path is not passed on')
  const parts = query.split('&').map((text) => ({ text, pair: [...new URLSearchParams(text)][0] }))
  // The client's token of ours is nobody else's business.
  if (parts.some(({ pair }) => /^(app)?secret$/i.test(pair?.[0] ?? ''))) refuse(48001, 'a call with a secret is not passed on')
  const tokens = parts.filter(({ pair }) => pair?.[0] === 'access_token')
  if (tokens.length > 1) refuse(40097)
  return {
    path,
    rest: parts.flatMap((part) => (tokens.includes(part) || part.text === '' ? [] : part.text)).join('&'),
    accessToken: tokens[0]?.pair?.[1] || refuse(41001),
  }
}
