// The platform's own paths, so that a client in any language joins by changing its API host.
import type { IncomingMessage } from 'node:http'
import type { Clients } from '../http/client.js'
import type { Exchange, Route } from '../http/route.js'
import { createAccounts, type ServedAccount } from './account.js'
import { Refusal, refusalFor, refuse, sendRefusal } from './errors.js'
import { createHandouts } from './issued-tokens.js'
import { createProxy, type ProxyLimits, proxyLimits } from './proxy.js'
import { PLACES } from './proxy-target.js'
import { createCredential } from './token-endpoints.js'
import { createProbe } from './token-probe.js'

export type { ServedAccount } from './account.js'
export type { ProxyLimits } from './proxy.js'

export interface WeChatRoutesOptions {
  accounts: readonly ServedAccount[]
  /** A client's token is what it sends as `secret`. */
  clients: Clients
  /** Told of each request that was refused because of who sent it. May throw a problem, such as a 429, which is then the answer. */
  onRefused?: (request: IncomingMessage, errcode: number) => void
  limits?: Partial<ProxyLimits>
  /** Epoch milliseconds. Default the machine's clock. */
  now?: () => number
}

/** Not 40001: after a restart or a rotation good clients come with tokens that are not known any more. */
const UNAUTHORISED = new Set([40125, 41001, 41004])

/**
 * The routes. All of them authenticate by themselves: by the `secret`, or by an access token that was handed out here.
 *
 * - `GET /cgi-bin/token`, `POST /cgi-bin/stable_token`, `GET /cgi-bin/ticket/getticket`: answered from our records.
 * - Other paths of the platform: passed on to it.
 */
export function wechatRoutes({ accounts, clients, onRefused, limits, now = Date.now }: WeChatRoutesOptions): Route[] {
  const handouts = createHandouts(now)
  const probe = createProbe(now)
  const credential = createCredential({ accounts: createAccounts(accounts), clients, handouts, probe, now })
  const proxy = createProxy({ handouts, probe, limits: { ...proxyLimits, ...limits } })

  /** What is refused is answered here; anything unknown is the server's to answer. */
  function route(method: 'GET' | 'POST', path: string, name: string, handle: Route['handle']): Route {
    async function answered(exchange: Exchange): Promise<void> {
      try {
        await handle(exchange)
      } catch (error) {
        const refusal = error instanceof Refusal ? error : refusalFor(error)
        if (refusal === undefined || exchange.response.headersSent) throw error
        if (UNAUTHORISED.has(refusal.errcode)) onRefused?.(exchange.request, refusal.errcode)
        sendRefusal(exchange.response, refusal)
      }
    }
    return { method, path, name, auth: 'own', handle: answered }
  }

  const passed = PLACES.flatMap((place) => [
    route('GET', `/${place}/*`, 'wechat_proxy', proxy),
    route('POST', `/${place}/*`, 'wechat_proxy', proxy),
  ])
  return [
    route('GET', '/cgi-bin/token', 'wechat_token', credential.token),
    route('POST', '/cgi-bin/stable_token', 'wechat_stable_token', credential.stableToken),
    route('GET', '/cgi-bin/stable_token', 'wechat_stable_token', async () => refuse(43002)),
    route('GET', '/cgi-bin/ticket/getticket', 'wechat_ticket', credential.ticket),
    ...passed,
  ]
}
