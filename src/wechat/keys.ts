// The keys of an account: their names, what they depend on, and their fetchers. Nothing is fetched
// here.
import { type Dog, init, type Secret } from 'dotdog'
import { DEAD_TOKEN_CODES } from '../core/shared/upstream/dead-token-codes.js'
import { hasErrcode, readField, thrownAnswer } from '../core/shared/upstream/thrown-answer.js'
import { type Account, fetchTicket, fetchToken, type SecretAccount, type TicketType } from './api/endpoints.js'
import type { CheckedOptions } from './options.js'
import { createForceQuota, type ForceTimes, STABLE_REFRESH_AHEAD_S, stableFetcher } from './stable-token.js'

export interface AccountSecrets {
  accessToken: Secret<string>
  jsapiTicket: Secret<string>
  cardTicket: Secret<string>
}

/**
 * Whether an error says that this account's token is dead. The shape of the error decides, not its
 * class, so that the errors of a task with its own HTTP client count too. A token endpoint's 40001
 * means a wrong AppSecret: its kind is `permanent`.
 */
function isDeadTokenError(error: unknown, appId: string): boolean {
  const objects = thrownAnswer(error)?.objects ?? []
  return objects.some((object) => {
    const kind = readField(object, 'kind') ?? 'rejected'
    const errorAppId = readField(object, 'appId') ?? appId
    return hasErrcode(object, DEAD_TOKEN_CODES) && kind === 'rejected' && errorAppId === appId
  })
}

/** The fetcher of a key that is never fetched here. */
function fetchNothing(): never {
  throw new Error('A follower fetches nothing')
}

/**
 * Registers the keys of an account with its dog. Without a way to fetch a token all of them follow:
 * a failure of theirs would be one for the process that does fetch.
 */
export function registerSecrets(options: CheckedOptions, account: Account): AccountSecrets {
  const { dog, prefix, timeout, quota, stable, appSecret, token } = options
  const { appId: identity } = account
  const register: Dog['init'] = dog === undefined ? init : dog.init.bind(dog)
  // The platform keeps classic and stable tokens apart, and one must never be used for the other. A
  // suffix tells their keys apart: whatever the prefix is, the name of a classic key is never that
  // of a stable one.
  const tokenKey = `${prefix}ACCESS_TOKEN${stable ? '_STABLE' : ''}`
  const isFollower = appSecret === undefined && token === undefined
  const common = { identity, timeout, ...(isFollower && { followOnly: true }) }

  const tokenOptions = { ...common, quota, isRejected: (error: unknown) => isDeadTokenError(error, identity) }
  function registerStable(account: SecretAccount): Secret<string> {
    const forceQuota = createForceQuota(timeout)
    const forcesKey = `${prefix}ACCESS_TOKEN_FORCED`
    const permits = register<ForceTimes>(forcesKey, forceQuota.fetcher, { identity, ...forceQuota.options })
    return register<string>(tokenKey, stableFetcher({ account, forceQuota, permits }), {
      ...tokenOptions,
      refreshAhead: STABLE_REFRESH_AHEAD_S,
    })
  }
  function registerToken(): Secret<string> {
    if (appSecret === undefined) return register<string>(tokenKey, token ?? fetchNothing, tokenOptions)
    const secretAccount = { ...account, appSecret }
    if (stable) return registerStable(secretAccount)
    return register<string>(tokenKey, ({ signal }) => fetchToken(secretAccount, signal), tokenOptions)
  }
  const accessToken = registerToken()

  // A ticket belongs to the account: it is the same one for a classic and for a stable token. A
  // fetch that depends on the token is retried by context.use, and nowhere else.
  const registerTicket = (name: string, type: TicketType) =>
    register<string>(
      `${prefix}${name}`,
      (context) => context.use(tokenKey, (token: string) => fetchTicket(account, type, token, context.signal)),
      common,
    )
  return {
    accessToken,
    jsapiTicket: registerTicket('JSAPI_TICKET', 'jsapi'),
    cardTicket: registerTicket('CARD_TICKET', 'wx_card'),
  }
}
