// The platform's endpoints as functions: what each one sends, and what its response must hold. This
// file knows nothing of dogs, keys and retries.
import type { Result } from 'dotdog'
import type { JsonObject } from '../../core/shared/upstream/upstream-text.js'
import { type CallContext, transportError } from './errors.js'
import { sendRequest } from './http.js'

export interface Account {
  appId: string
  appSecret: string
  baseUrl: string
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** A call of any path, with its arguments checked. */
export interface BusinessCall {
  method: 'GET' | 'POST'
  path: string
  query: Query
  /** Serialized already. */
  body: string | undefined
}

/**
 * getticket always answers 7200, however little of the ticket's lifetime is left. So a ticket is
 * fetched again after an hour.
 */
const MAX_TICKET_LIFETIME_S = 3600

function urlOf(account: Account, path: string, query: Query): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.append(name, String(value))
  return `${account.baseUrl}${path}?${search}`
}

/**
 * Reads the named secret of a response, and its lifetime. A response without either is an error.
 *
 * @param minExpiresIn the least `expires_in` that is accepted, in seconds
 */
function readSecret(
  response: JsonObject,
  name: 'access_token' | 'ticket',
  context: CallContext,
  minExpiresIn = Number.MIN_VALUE,
): Result & { expiresIn: number } {
  const { [name]: value, expires_in: lifetime } = response
  // Proxies and relatives of the platform send the number as a string.
  const expiresIn = typeof lifetime === 'string' && /^\d+$/.test(lifetime) ? Number(lifetime) : lifetime
  if (typeof value !== 'string' || value === '') throw transportError(`the response has no ${name}`, context)
  if (typeof expiresIn !== 'number' || !(expiresIn >= minExpiresIn)) {
    throw transportError('the response has no usable expires_in', context)
  }
  return { value, expiresIn }
}

/**
 * Fetches a classic token. Each fetch replaces the account's previous one, which dies five minutes
 * later.
 */
export async function fetchToken(account: Account, signal: AbortSignal): Promise<Result> {
  const { appId, appSecret } = account
  const context: CallContext = { path: '/cgi-bin/token', appId, credential: true, secrets: [appSecret] }
  const query = { grant_type: 'client_credential', appid: appId, secret: appSecret }
  const response = await sendRequest({ method: 'GET', url: urlOf(account, context.path, query), signal }, context)
  return readSecret(response, 'access_token', context)
}

/**
 * Fetches the stable token, with the seconds that are left of it. The platform returns the same
 * token until five minutes before its end.
 *
 * @param force invalidates the current token and returns a new one. The platform allows that 20
 *   times a day, 30 s apart.
 */
export async function fetchStableToken(account: Account, force: boolean, signal: AbortSignal): Promise<Result> {
  const { appId, appSecret, baseUrl } = account
  const context: CallContext = { path: '/cgi-bin/stable_token', appId, credential: true, secrets: [appSecret] }
  const body = { grant_type: 'client_credential', appid: appId, secret: appSecret, force_refresh: force }
  const request = { method: 'POST', url: `${baseUrl}${context.path}`, body: JSON.stringify(body), signal } as const
  const { value, expiresIn } = readSecret(await sendRequest(request, context), 'access_token', context, 0)
  // The platform rounds down what is left. At 0 the token is still valid, and with a lifetime of 0
  // each caller would fetch again.
  return { value, expiresIn: Math.max(expiresIn, 1) }
}

/** `jsapi` tickets sign pages, `wx_card` tickets sign cards. Neither can replace the other. */
export type TicketType = 'jsapi' | 'wx_card'

/** Fetches a ticket. That invalidates nothing. */
export async function fetchTicket(account: Account, type: TicketType, token: string, signal: AbortSignal): Promise<Result> {
  const { appId, appSecret } = account
  const context: CallContext = { path: '/cgi-bin/ticket/getticket', appId, credential: false, secrets: [appSecret, token] }
  const query = { access_token: token, type }
  const response = await sendRequest({ method: 'GET', url: urlOf(account, context.path, query), signal }, context)
  const ticket = readSecret(response, 'ticket', context)
  return { value: ticket.value, expiresIn: Math.min(ticket.expiresIn, MAX_TICKET_LIFETIME_S) }
}

/** Calls any other path with a token. */
export function callWithToken(account: Account, token: string, call: BusinessCall, signal: AbortSignal): Promise<JsonObject> {
  const { appId, appSecret } = account
  const context: CallContext = { path: call.path, appId, credential: false, secrets: [appSecret, token] }
  const url = urlOf(account, call.path, { access_token: token, ...call.query })
  return sendRequest({ method: call.method, url, body: call.body, signal }, context)
}
