// The paths that give a token or a ticket. They are answered from the dog's records and never
// passed on.

import type { Secret } from 'dotdog'
import type { Client, Clients } from '../http/client.js'
import { isDogError } from '../http/problem.js'
import type { Exchange } from '../http/route.js'
import { type Accounts, expiresInFor, readCurrent, readLasting, type ServedAccount } from './account.js'
import { refuse, sendPlatformJson } from './errors.js'
import { type IssuedTokens, namesOf } from './issued-tokens.js'
import { readPlatformBody } from './proxy-body.js'
import type { TokenProbe } from './token-probe.js'

export interface TokenEndpointsParts {
  accounts: Accounts
  clients: Clients
  issued: IssuedTokens
  probe: TokenProbe
  /** Epoch milliseconds. */
  now: () => number
}

/** The parameters of a request for a token. */
interface TokenRequest {
  appId: unknown
  secret: unknown
  grantType: unknown
}

/**
 * A request that forces a token sooner than this after the last one gets the current token, as at
 * the platform.
 */
const MIN_FORCE_INTERVAL_MS = 30_000
const MAX_STABLE_TOKEN_BODY_BYTES = 8192

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

export function createTokenEndpoints({ accounts, clients, issued, probe, now }: TokenEndpointsParts) {
  /** When a token was last forced, by key. */
  const forcedAt = new Map<string, number>()
  /** The last value that was to be replaced because a revoked client has it, by key. */
  const lastLeaked = new Map<string, string>()

  /** Checks a request in the platform's own order. */
  function authorize({ logDetails = {} }: Exchange, { appId, secret, grantType }: TokenRequest, isStable: boolean) {
    const account = accounts.find(textOf(appId) ?? refuse(41002), isStable) ?? refuse(40013)
    const clientToken = textOf(secret) ?? refuse(41004)
    const findClient = (): Client | undefined => clients.find(clientToken)
    const client = findClient()
    Object.assign(logDetails, { client: client?.name, key: account.wx.accessToken.key })
    // For this account, a client of another account has a wrong secret.
    if (!client?.mayRead(account.wx.accessToken.key)) {
      return refuse(40125, 'the secret must be the token of a client of this server')
    }
    if (grantType !== 'client_credential') refuse(40002)
    return { account, client, clientToken, findClient }
  }

  /**
   * Sends the token to a client. If the client thereby reports it as dead, the token is probed
   * first.
   */
  async function issueToken(
    { account, client, clientToken, findClient }: ReturnType<typeof authorize>,
    { response }: Exchange,
  ): Promise<void> {
    const { accessToken } = account.wx
    let current = await readLasting(accessToken)
    if (issued.heldByRevoked(current.value)) {
      await rotateLeaked(account, current.value)
      current = await readCurrent(accessToken)
    }
    if (issued.isRepeatedRequest(client, accessToken.key, current.generation)) {
      await probe.report(account, 'client')
      current = await readCurrent(accessToken)
    }
    // The client may have been revoked during the fetch.
    if (findClient() === undefined) refuse(40125)
    const { value, generation } = current
    const expiresIn = expiresInFor(current, now())
    issued.record({ account, client, clientToken, findClient, key: accessToken.key, value, generation, expiresIn })
    sendPlatformJson(response, { access_token: value, expires_in: expiresIn })
  }

  /**
   * Replaces the token at a client's wish. If the platform's quota is used up, the token stays, as
   * at the platform.
   */
  async function forceRefresh({ wx: { accessToken } }: ServedAccount): Promise<void> {
    const { value } = await readCurrent(accessToken)
    const before = forcedAt.get(accessToken.key)
    if (before !== undefined && Math.abs(now() - before) < MIN_FORCE_INTERVAL_MS) return
    forcedAt.set(accessToken.key, now())
    await replaceToken(accessToken, value, true, (error) => isDogError(error) && error.code === 'ERR_DOG_REJECTED')
  }

  /**
   * Replaces a token that a revoked client has, even one that is a second old: clients may be
   * revoked one after the other. If no other token is available, this one is still served, only
   * calls through the proxy are refused, and it is tried again as the back-off allows.
   */
  async function rotateLeaked({ wx: { accessToken } }: ServedAccount, value: string): Promise<void> {
    const isFirstTry = lastLeaked.get(accessToken.key) !== value
    lastLeaked.set(accessToken.key, value)
    await replaceToken(accessToken, value, isFirstTry, () => true)
  }

  async function token(exchange: Exchange): Promise<void> {
    const { query } = exchange
    const request = { appId: query.get('appid'), secret: query.get('secret'), grantType: query.get('grant_type') }
    await issueToken(authorize(exchange, request, false), exchange)
  }

  async function stableToken(exchange: Exchange): Promise<void> {
    const body = parseObject(await readPlatformBody(exchange.request, MAX_STABLE_TOKEN_BODY_BYTES))
    const request = { appId: body.appid, secret: body.secret, grantType: body.grant_type }
    const authorized = authorize(exchange, request, true)
    if (body.force_refresh === true) {
      if (!authorized.client.mayRefresh) refuse(48001, 'force_refresh needs `"refresh": true` in the entry of the client')
      await forceRefresh(authorized.account)
    }
    await issueToken(authorized, exchange)
  }

  async function ticket({ query, response, logDetails = {} }: Exchange): Promise<void> {
    const value = textOf(query.get('access_token')) ?? refuse(41001)
    const holders = issued.holdersOf(value) ?? refuse(40001)
    const secret = ticketOf(holders.account, query.get('type')) ?? refuse(40097)
    Object.assign(logDetails, { client: namesOf(holders.clients), key: secret.key })
    const mayRead = (client: Client) => client.mayRead(secret.key)
    if (!holders.clients.some(mayRead)) refuse(48001, `the "keys" of the client have no ${secret.key}`)
    const current = await readLasting(secret)
    // The client may have been revoked during the fetch.
    if (!issued.holdersOf(value)?.clients.some(mayRead)) refuse(40001)
    const expiresIn = expiresInFor(current, now())
    sendPlatformJson(response, { errcode: 0, errmsg: 'ok', ticket: current.value, expires_in: expiresIn })
  }

  return { token, stableToken, ticket }
}

/**
 * Replaces a value, and ignores the errors that `isIgnored` accepts: the current value is then
 * still used.
 */
const replaceToken = (
  accessToken: Secret<string>,
  rejected: string,
  force: boolean,
  isIgnored: (error: unknown) => boolean,
): Promise<unknown> =>
  accessToken.refresh({ rejected, force }).catch((error: unknown) => {
    if (!isIgnored(error)) throw error
  })

/** An unreadable body is an empty object: the platform answers that the appid is missing. */
function parseObject(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {}
  return {}
}

function ticketOf({ wx }: ServedAccount, type: string | null): Secret<string> | undefined {
  if (type === 'jsapi' || type === '1') return wx.jsapiTicket
  return type === 'wx_card' ? wx.cardTicket : undefined
}
