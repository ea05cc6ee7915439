// The platform's endpoints as functions: what each one sends, and what its response must hold. This
// file knows nothing of dogs, keys and retries.
import type { Result } from 'dotdog'
import type { JsonObject } from '../../core/shared/upstream/upstream-text.js'
import type { RequestBody } from './body.js'
import { type CallContext, transportError } from './errors.js'
import { type PlatformRequest, sendRequest } from './http.js'

export interface Account {
  appId: string
  /** `undefined` for an account whose token is fetched elsewhere. */
  appSecret: string | undefined
  baseUrl: string
}

/** An account that fetches its token itself. */
export interface SecretAccount extends Account {
  appSecret: string
}

export type Query = Readonly<Record<string, string | number | bigint | boolean | undefined>>

/** A call of any path, with its arguments checked. */
export interface BusinessCall {
  method: 'GET' | 'POST'
  path: string
  query: Query
  body: RequestBody | undefined
}

/**
 * getticket always answers 7200, however little of the ticket's lifetime is left. So a ticket is
 * fetched again after an hour.
 */
const MAX_TICKET_LIFETIME_S = 3600

const JSON_TYPE = 'application/json; charset=utf-8'

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
export async function fetchToken(account: SecretAccount, signal: AbortSignal): Promise<Result> {
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
export async function fetchStableToken(account: SecretAccount, force: boolean, signal: AbortSignal): Promise<Result> {
  const { appId, appSecret, baseUrl } = account
  const context: CallContext = { path: '/cgi-bin/stable_token', appId, credential: true, secrets: [appSecret] }
  const body = { grant_type: 'client_credential', appid: appId, secret: appSecret, force_refresh: force }
  const request = {
    method: 'POST',
    url: `${baseUrl}${context.path}`,
    body: { content: JSON.stringify(body), type: JSON_TYPE },
    signal,
  } as const
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
  const context: CallContext = {
    path: '/cgi-bin/ticket/getticket',
    appId,
    credential: false,
    secrets: secretsOf(appSecret, token),
  }
  const query = { access_token: token, type }
  const response = await sendRequest({ method: 'GET', url: urlOf(account, context.path, query), signal }, context)
  const ticket = readSecret(response, 'ticket', context)
  return { value: ticket.value, expiresIn: Math.min(ticket.expiresIn, MAX_TICKET_LIFETIME_S) }
}

const secretsOf = (...secrets: (string | undefined)[]): string[] => secrets.filter((secret) => secret !== undefined)

/** Parameters whose values no error may repeat. */
const SECRET_PARAMETER = /secret|token|ticket|code$/i

/** A call of any other path, ready to be sent, and what its error says of it. */
export interface PreparedCall {
  request: PlatformRequest
  context: CallContext
}

/**
 * Prepares a call of any other path.
 *
 * @param token `undefined` for a path that takes none
 */
export function prepareCall(
  account: Account,
  token: string | undefined,
  call: BusinessCall,
  signal: AbortSignal,
): PreparedCall {
  const { method, path, query, body } = call
  const given = Object.entries(query).filter(([name]) => SECRET_PARAMETER.test(name))
  const context: CallContext = {
    path,
    appId: account.appId,
    // Without a token of any kind, a dead-token code says that the AppSecret is wrong.
    credential: token === undefined && !Object.keys(query).some((name) => name.endsWith('access_token')),
    secrets: secretsOf(account.appSecret, token, ...given.map(([, value]) => value?.toString())),
  }
  const url = urlOf(account, path, { ...(token !== undefined && { access_token: token }), ...query })
  return { request: { method, url, body, signal }, context }
}

/** Calls any other path with a token, for a JSON object. */
export function callWithToken(account: Account, token: string, call: BusinessCall, signal: AbortSignal): Promise<JsonObject> {
  const { request, context } = prepareCall(account, token, call, signal)
  return sendRequest(request, context)
}
