import type { IncomingMessage } from 'node:http'
import {
  checkMembers,
  checkOptions,
  FUNCTION,
  LIST,
  NOT_NEGATIVE,
  OBJECT,
  POSITIVE_NUMBER,
  type Rules,
  required,
} from '../../core/shared/validate.js'
import type { Clients } from '../http/client.js'
import type { Exchange, Route } from '../http/route.js'
import { createAccounts, type ServedAccount } from './account.js'
import { ErrcodeProblem, refuse, sendErrcode } from './errors.js'
import { createIssuedTokens } from './issued-tokens.js'
import { createProxy, DEFAULT_PROXY_LIMITS, type ProxyLimits } from './proxy.js'
import { PROXIED_PREFIXES } from './proxy-target.js'
import { createTokenEndpoints } from './token-endpoints.js'
import { createTokenProbe } from './token-probe.js'
import { refusalOf } from './upstream-refusal.js'

export type { ServedAccount } from './account.js'
export type { ProxyLimits } from './proxy.js'

export interface WeChatRoutesOptions {
  accounts: readonly ServedAccount[]
  /** The server's clients. A client sends its token as `secret`. */
  clients: Clients
  /**
   * Called for each request that was refused for lack of a valid secret or token. It may throw a
   * problem, such as a 429, which then becomes the answer.
   */
  onRefused?: (request: IncomingMessage, errcode: number) => void
  limits?: Partial<ProxyLimits>
  /** Epoch milliseconds. Default the machine's clock. */
  now?: () => number
}

const OPTION_RULES: Rules = {
  accounts: required(LIST),
  clients: required({
    test: (clients: Partial<Clients> | null) => typeof clients?.find === 'function',
    rule: 'must be an object with find(token)',
  }),
  onRefused: FUNCTION,
  limits: OBJECT,
  now: FUNCTION,
}

/** 0 means none: no body is kept to be repeated, no chunked upload is taken, an idle connection is not cut. */
const LIMIT_RULES: Rules = {
  ...Object.fromEntries(Object.keys(DEFAULT_PROXY_LIMITS).map((name) => [name, NOT_NEGATIVE])),
  total: POSITIVE_NUMBER,
}

/**
 * The platform's own paths, so that a client in any language joins by changing its API host. Each
 * route authenticates by itself: by `secret`, or by an access token that this server issued.
 *
 * - `GET /cgi-bin/token`, `POST /cgi-bin/stable_token`, `GET /cgi-bin/ticket/getticket`: answered
 *   from the dog's records.
 * - Other paths of the platform: passed on to it.
 *
 * @throws TypeError for a wrong option or account.
 * @example
 * createServer({ dog, clients, routes: (clients) => wechatRoutes({ accounts: [{ appId, wx }], clients }) })
 */
export function wechatRoutes(options: WeChatRoutesOptions): Route[] {
  const checked = checkOptions<WeChatRoutesOptions>('wechatRoutes', options, OPTION_RULES)
  const { accounts, clients, onRefused, limits = {}, now = Date.now } = checked
  checkMembers('limits', limits, LIMIT_RULES)
  const givenLimits = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined))
  const issued = createIssuedTokens(now)
  const probe = createTokenProbe(now)
  const endpoints = createTokenEndpoints({ accounts: createAccounts(accounts), clients, issued, probe, now })
  const proxy = createProxy({ issued, probe, limits: { ...DEFAULT_PROXY_LIMITS, ...givenLimits } })

  /** Answers refusals here. Any other error is answered by the server. */
  function route(method: 'GET' | 'POST', path: string, name: string, handle: Route['handle']): Route {
    async function handleRefusals(exchange: Exchange): Promise<void> {
      try {
        await handle(exchange)
      } catch (error) {
        const problem = error instanceof ErrcodeProblem ? error : refusalOf(error)
        if (problem === undefined || exchange.response.headersSent) throw error
        if (exchange.logDetails !== undefined) exchange.logDetails.reason = `${problem.errcode} ${problem.errmsg}`
        if (!(problem instanceof ErrcodeProblem)) return sendErrcode(exchange.response, problem.errcode, problem.errmsg)
        const { errcode, errmsg, status } = problem
        if (problem.isUnauthorized) onRefused?.(exchange.request, errcode)
        sendErrcode(exchange.response, errcode, errmsg, status)
      }
    }
    return { method, path, name, auth: 'own', handle: handleRefusals }
  }

  const proxied = PROXIED_PREFIXES.flatMap((prefix) => [
    route('GET', `/${prefix}/*`, 'wechat_proxy', proxy),
    route('POST', `/${prefix}/*`, 'wechat_proxy', proxy),
  ])
  return [
    route('GET', '/cgi-bin/token', 'wechat_token', endpoints.token),
    route('POST', '/cgi-bin/stable_token', 'wechat_stable_token', endpoints.stableToken),
    route('GET', '/cgi-bin/stable_token', 'wechat_stable_token', async () => refuse(43002)),
    route('GET', '/cgi-bin/ticket/getticket', 'wechat_ticket', endpoints.ticket),
    ...proxied,
  ]
}
