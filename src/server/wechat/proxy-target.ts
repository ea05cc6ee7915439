// Which paths and queries may be passed on, and what of them. This file deliberately knows nothing
// of hosts: a call always goes to the account's own platform, whatever the request says.
import { refuse } from './errors.js'

/**
 * The first parts of the platform's paths. A path that begins differently is answered by this
 * server's own 404.
 */
export const PROXIED_PREFIXES = [
  ...['cgi-bin', 'sns', 'wxa', 'wxaapi', 'card', 'customservice', 'datacube', 'merchant', 'shakearound', 'device', 'bizwifi'],
  ...['semantic', 'cv', 'tcb', 'product', 'channels', 'shop', 'union', 'intp', 'nontax', 'hardware', 'scan', 'cityservice'],
  ...['xpay', 'redpacketcover', 'marketing', 'retail', 'publicplatform', 'pay'],
]

/** These paths take the AppSecret, or give a token that this server must not give. */
const CREDENTIAL_PATHS = new Set([
  ...['/cgi-bin/token', '/cgi-bin/stable_token', '/cgi-bin/ticket/getticket', '/cgi-bin/clear_quota/v2'],
  ...['/sns/oauth2/access_token', '/sns/oauth2/refresh_token', '/sns/jscode2session', '/sns/component/jscode2session'],
  ...['/cgi-bin/component/api_component_token', '/cgi-bin/component/clear_quota/v2'],
])

/**
 * No dot segments, escapes, empty segments or backslashes: the path that is checked here is the
 * path that the platform sees.
 */
const PATH = /^(\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+$/
const QUERY = /^[\x21\x22\x24-\x7e]*$/

export interface ProxyTarget {
  path: string
  /** The query as it was sent, without its access token. */
  query: string
  /** The token of the client. */
  accessToken: string
}

/**
 * Parses a request-target.
 *
 * @throws ErrcodeProblem 40066 for a malformed path, 48001 for one that takes the AppSecret, 41001
 * without a token, 40097 for several tokens.
 */
export function parseTarget(url: string): ProxyTarget {
  const [path = '', ...more] = url.split('?')
  const query = more.join('?')
  if (!PATH.test(path) || !QUERY.test(query)) refuse(40066)
  if (CREDENTIAL_PATHS.has(path.toLowerCase())) {
    refuse(48001, 'the AppSecret stays at the server, so that this path is not passed on')
  }
  const parts = query.split('&').map((text) => ({ text, pair: [...new URLSearchParams(text)][0] }))
  // A secret here may be a client's own token, which must not leave the server.
  if (parts.some(({ pair }) => /^(app)?secret$/i.test(pair?.[0] ?? ''))) refuse(48001, 'a call with a secret is not passed on')
  const tokens = parts.filter(({ pair }) => pair?.[0] === 'access_token')
  if (tokens.length > 1) refuse(40097)
  return {
    path,
    query: parts.flatMap((part) => (tokens.includes(part) || part.text === '' ? [] : part.text)).join('&'),
    accessToken: tokens[0]?.pair?.[1] || refuse(41001),
  }
}
