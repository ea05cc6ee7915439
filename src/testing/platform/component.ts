/**
 * The paths of a third-party platform. Any account of the fake can be one, and can authorise one.
 */
import { randomBytes } from 'node:crypto'
import { type AccountState, mintToken } from '../model/account.js'
import { authenticateBySecret, type HandlerContext, type JsonObject, takeDailyQuota } from '../model/fake-request.js'
import { nonEmptyText, refuse } from '../model/refusal.js'
import { postedObject } from './business.js'

/** A pushed ticket is valid for this time. The real platform pushes one every ten minutes. */
const VERIFY_TICKET_LIFETIME_MS = 12 * 3600 * 1000

/** Makes the component_verify_ticket that the platform pushes. */
export function mintVerifyTicket(component: AccountState, now: number): string {
  const ticket = `ticket@@@${randomBytes(48).toString('base64url')}`
  component.verifyTickets.set(ticket, now + VERIFY_TICKET_LIFETIME_MS)
  return ticket
}

/** An authorizer_access_token and its refresh token, in the form in which both paths return them. */
export interface Authorization {
  authorizer_access_token: string
  /** Seconds. */
  expires_in: number
  authorizer_refresh_token: string
}

/**
 * Makes the next pair of tokens. The refresh token that was used stays valid until its successor is
 * used, so that a response which was lost can be asked for again.
 */
export function authorize(account: AccountState, now: number, ttl: number, used?: string): Authorization {
  const successor = `refreshtoken@@@${mintToken()}`
  account.refreshTokens.splice(0, Number.POSITIVE_INFINITY, successor, ...(used === undefined ? [] : [used]))
  return { authorizer_access_token: account.authorizer.rotate(now), expires_in: ttl, authorizer_refresh_token: successor }
}

/** api_component_token. */
export function componentToken(context: HandlerContext): JsonObject {
  const { component_appid: appId, component_appsecret: secret, component_verify_ticket: ticket } = postedObject(context)
  const account = authenticateBySecret(context, nonEmptyText(appId), nonEmptyText(secret), true)
  if (!((account.verifyTickets.get(String(ticket)) ?? 0) > context.now)) refuse(61006)
  takeDailyQuota(context, account)
  return { component_access_token: account.component.rotate(context.now), expires_in: context.rules.ttl }
}

/** api_authorizer_token. */
export function authorizerToken(context: HandlerContext): JsonObject {
  const posted = postedObject(context)
  const component = context.accounts.get(String(posted.component_appid)) ?? refuse(40013)
  context.appId = component.appId
  const token = context.request.query.get('component_access_token') ?? undefined
  const errcode = component.component.checkToken(token, context.now)
  if (errcode !== 0) {
    context.count.rejected += 1
    refuse(errcode)
  }
  takeDailyQuota(context, component)
  const account = context.accounts.get(String(posted.authorizer_appid)) ?? refuse(61003)
  const used = nonEmptyText(posted.authorizer_refresh_token) ?? refuse(61023)
  if (!account.refreshTokens.includes(used)) refuse(61023)
  return { ...authorize(account, context.now, context.rules.ttl, used) }
}
