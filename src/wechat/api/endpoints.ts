// The platform's endpoints, as functions: what is sent, and what must be in the answer. It deliberately knows nothing of dogs,
// keys and retries.
import type { Result } from 'dotdog'
import { type Origin, transportError } from './errors.js'
import { type Answer, send } from './http.js'

export interface Account {
  appId: string
  appSecret: string
  baseUrl: string
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export interface BusinessCall {
  method: 'GET' | 'POST'
  path: string
  query: Query
  /** Already a text. */
  body: string | undefined
}

/** getticket answers 7200 whatever remains of the ticket, so that a ticket is asked for again long before. */
const LONGEST_TICKET = 3600

function urlOf(account: Account, path: string, query: Query): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.append(name, String(value))
  return `${account.baseUrl}${path}?${search}`
}

/**
 * The named secret of an answer, and its lifetime. An answer without either is no answer.
 *
 * @param least what `expires_in` must be at least
 */
function secretOf(
  answer: Answer,
  name: 'access_token' | 'ticket',
  origin: Origin,
  least = Number.MIN_VALUE,
): Result & { expiresIn: number } {
  const { [name]: value, expires_in: expiresIn } = answer
  if (typeof value !== 'string' || value === '') throw transportError(`the answer has no ${name}`, origin)
  if (typeof expiresIn !== 'number' || !(expiresIn >= least))
    throw transportError('the answer has no usable expires_in', origin)
  return { value, expiresIn }
}

/** A classic token. Each fetch replaces the account's last one, which dies five minutes later. */
export async function fetchToken(account: Account, signal: AbortSignal): Promise<Result> {
  const { appId, appSecret } = account
  const origin: Origin = { path: '/cgi-bin/token', appId, credential: true, secrets: [appSecret] }
  const query = { grant_type: 'client_credential', appid: appId, secret: appSecret }
  const answer = await send({ method: 'GET', url: urlOf(account, origin.path, query), signal }, origin)
  return secretOf(answer, 'access_token', origin)
}

/**
 * The stable token, with the seconds that remain of it. Asking again gives the same one, until five minutes before its end.
 *
 * @param force invalidates it and gives another one: 20 times a day, 30 s apart.
 */
export async function fetchStableToken(account: Account, force: boolean, signal: AbortSignal): Promise<Result> {
  const { appId, appSecret, baseUrl } = account
  const origin: Origin = { path: '/cgi-bin/stable_token', appId, credential: true, secrets: [appSecret] }
  const body = { grant_type: 'client_credential', appid: appId, secret: appSecret, force_refresh: force }
  const request = { method: 'POST', url: `${baseUrl}${origin.path}`, body: JSON.stringify(body), signal } as const
  const { value, expiresIn } = secretOf(await send(request, origin), 'access_token', origin, 0)
  // What remains is rounded down: at 0 there is a token all the same, and a lifetime of nothing would be fetched again by each.
  return { value, expiresIn: Math.max(expiresIn, 1) }
}

/** `jsapi` signs pages, `wx_card` signs cards; neither does for the other. */
export type TicketType = 'jsapi' | 'wx_card'

/** A fetch invalidates nothing. */
export async function fetchTicket(account: Account, type: TicketType, token: string, signal: AbortSignal): Promise<Result> {
  const { appId, appSecret } = account
  const origin: Origin = { path: '/cgi-bin/ticket/getticket', appId, credential: false, secrets: [appSecret, token] }
  const query = { access_token: token, type }
  const answer = await send({ method: 'GET', url: urlOf(account, origin.path, query), signal }, origin)
  const ticket = secretOf(answer, 'ticket', origin)
  return { value: ticket.value, expiresIn: Math.min(ticket.expiresIn, LONGEST_TICKET) }
}

/** Any other path, with a token. */
export function callWith(account: Account, token: string, call: BusinessCall, signal: AbortSignal): Promise<Answer> {
  const { appId, appSecret } = account
  const origin: Origin = { path: call.path, appId, credential: false, secrets: [appSecret, token] }
  const url = urlOf(account, call.path, { access_token: token, ...call.query })
  return send({ method: call.method, url, body: call.body, signal }, origin)
}
