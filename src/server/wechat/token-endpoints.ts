// The paths that give a token or a ticket: answered from our records, and never passed on.

import type { Secret } from 'dotdog'
import { DogError } from 'dotdog'
import type { Client, Clients } from '../http/client.js'
import type { Exchange } from '../http/route.js'
import { type Accounts, currentOf, expiresIn, lastingOf, type ServedAccount } from './account.js'
import { refuse, sendJson } from './errors.js'
import type { Handouts } from './issued-tokens.js'
import { readBody } from './proxy-body.js'
import type { Probe } from './token-probe.js'

export interface Parts {
  accounts: Accounts
  clients: Clients
  handouts: Handouts
  probe: Probe
  /** Epoch milliseconds. */
  now: () => number
}

/** What a client sends to get a token. */
interface Asked {
  appId: unknown
  secret: unknown
  grantType: unknown
}

/** Milliseconds; an earlier force gets the current token, as at the platform. */
const FORCE_SPACING = 30_000
/** Bytes of a request for a stable token. */
const LONGEST_ASK = 8192

const given = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

export function createCredential({ accounts, clients, handouts, probe, now }: Parts) {
  /** When a token was forced, by key. */
  const forced = new Map<string, number>()
  /** The last value that had to be replaced because a revoked client has it, by key. */
  const replaced = new Map<string, string>()

  /** Checks in the platform's own order. */
  function admit({ appId, secret, grantType }: Asked, stable: boolean) {
    const account = accounts.find(given(appId) ?? refuse(41002), stable) ?? refuse(40013)
    const token = given(secret) ?? refuse(41004)
    const find = (): Client | undefined => clients.find(token)
    const client = find()
    // A client of another account has, as far as this one goes, a wrong secret.
    if (!client?.mayRead(account.wx.accessToken.key))
      return refuse(40125, 'the secret must be the token of a client of this server')
    if (grantType !== 'client_credential') refuse(40002)
    return { account, client, find }
  }

  /** The token for a client; one that this client reports to be dead is looked at first. */
  async function hand({ account, client, find }: ReturnType<typeof admit>, { response }: Exchange): Promise<void> {
    const { accessToken } = account.wx
    let current = await lastingOf(accessToken)
    if (handouts.isAstray(current.value)) {
      await replace(account, current.value)
      current = await currentOf(accessToken)
    }
    if (handouts.isRepeated(client, accessToken.key, current.generation)) {
      await probe.report(account, 'client')
      current = await currentOf(accessToken)
    }
    // It may have taken a fetch: time enough to revoke a client.
    if (find() === undefined) refuse(40125)
    const { value, generation } = current
    const seconds = expiresIn(current, now())
    handouts.note({ account, client, find, key: accessToken.key, value, generation, expiresIn: seconds })
    sendJson(response, { access_token: value, expires_in: seconds })
  }

  async function force({ wx: { accessToken } }: ServedAccount): Promise<void> {
    const { value } = await currentOf(accessToken)
    const before = forced.get(accessToken.key)
    if (before !== undefined && Math.abs(now() - before) < FORCE_SPACING) return
    forced.set(accessToken.key, now())
    try {
      await accessToken.refresh({ rejected: value, force: true })
    } catch (error) {
      // The platform's ration is used up, so that the token is the one that there was: what the platform answers, too.
      if (!(error instanceof DogError && error.code === 'ERR_DOG_REJECTED')) throw error
    }
  }

  /**
   * Ends what a revoked client has, be it a second old: clients may be revoked one after the other. Where no other is to be
   * had, this one serves on, only calls through us are refused, and it is tried again as the back-off says.
   */
  async function replace({ wx: { accessToken } }: ServedAccount, value: string): Promise<void> {
    const isFirst = replaced.get(accessToken.key) !== value
    replaced.set(accessToken.key, value)
    await accessToken.refresh({ rejected: value, force: isFirst }).catch(() => {})
  }

  async function token(exchange: Exchange): Promise<void> {
    const { query } = exchange
    const asked = { appId: query.get('appid'), secret: query.get('secret'), grantType: query.get('grant_type') }
    await hand(admit(asked, false), exchange)
  }

  async function stableToken(exchange: Exchange): Promise<void> {
    const body = objectOf(await readBody(exchange.request, LONGEST_ASK))
    const admitted = admit({ appId: body.appid, secret: body.secret, grantType: body.grant_type }, true)
    if (body.force_refresh === true) {
      if (!admitted.client.mayRefresh) refuse(48001, 'this client may not refresh')
      await force(admitted.account)
    }
    await hand(admitted, exchange)
  }

  async function ticket({ query, response }: Exchange): Promise<void> {
    const value = given(query.get('access_token')) ?? refuse(41001)
    const handed = handouts.holdersOf(value) ?? refuse(40001)
    const secret = ticketOf(handed.account, query.get('type')) ?? refuse(40097)
    if (!handed.clients.some((client) => client.mayRead(secret.key))) refuse(48001, 'this client may not read the ticket')
    const current = await lastingOf(secret)
    // It may have taken a fetch: time enough to revoke a client.
    if (!handouts.holdersOf(value)?.clients.some((client) => client.mayRead(secret.key))) refuse(40001)
    sendJson(response, { errcode: 0, errmsg: 'ok', ticket: current.value, expires_in: expiresIn(current, now()) })
  }

  return { token, stableToken, ticket }
}

/** What cannot be read lacks an appid, as the platform says. */
function objectOf(body: Buffer): Record<string, unknown> {
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
