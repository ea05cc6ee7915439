// The keys of an account: their names, what they depend on, and how they are fetched. Fetches nothing by itself.
import { type Dog, init, type Secret } from 'dotdog'
import { type Account, fetchTicket, fetchToken, type TicketType } from './api/endpoints.js'
import type { CheckedOptions } from './options.js'
import { createRation, type Forces, STABLE_AHEAD, stableFetcher } from './stable-token.js'

export interface Secrets {
  accessToken: Secret<string>
  jsapiTicket: Secret<string>
  cardTicket: Secret<string>
}

const deadToken = new Set<unknown>([40001, 40014, 42001])

/**
 * Whether an error says that this account's token is dead. By shape and not by class, so that the errors of a task that uses
 * an HTTP client of its own count too. A token endpoint's 40001 means a wrong AppSecret and is `permanent`.
 */
function tokenIsDead(error: unknown, appId: string): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { errcode, kind = 'rejected', appId: whose = appId } = error as { errcode?: unknown; kind?: unknown; appId?: unknown }
  return deadToken.has(errcode) && kind === 'rejected' && whose === appId
}

export function registerSecrets(options: CheckedOptions, account: Account): Secrets {
  const { dog, prefix, timeout, quota, stable } = options
  const { appId: identity } = account
  const register: Dog['init'] = dog === undefined ? init : dog.init.bind(dog)
  // The two families know nothing of each other, and one's token must never stand in for the other's. A suffix: with a prefix
  // before it, no name of one family can be one of the other's.
  const tokenKey = `${prefix}ACCESS_TOKEN${stable ? '_STABLE' : ''}`

  const tokenOptions = { identity, timeout, quota, isRejected: (error: unknown) => tokenIsDead(error, identity) }
  function registerStable(): Secret<string> {
    const ration = createRation(timeout)
    const places = register<Forces>(`${prefix}ACCESS_TOKEN_FORCED`, ration.fetcher, { identity, ...ration.options })
    return register<string>(tokenKey, stableFetcher({ account, ration, places }), {
      ...tokenOptions,
      refreshAhead: STABLE_AHEAD,
    })
  }
  const accessToken = stable
    ? registerStable()
    : register<string>(tokenKey, ({ signal }) => fetchToken(account, signal), tokenOptions)

  // A ticket is the account's, whichever family's token it was asked for with. The retry of a fetch that depends on the token
  // lives in context.use, and nowhere else.
  const ticket = (name: string, type: TicketType) =>
    register<string>(
      `${prefix}${name}`,
      (context) => context.use(tokenKey, (token: string) => fetchTicket(account, type, token, context.signal)),
      { identity, timeout },
    )
  return { accessToken, jsapiTicket: ticket('JSAPI_TICKET', 'jsapi'), cardTicket: ticket('CARD_TICKET', 'wx_card') }
}
