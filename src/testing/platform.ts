// The platform as a pure function of a request, a clock and its own state: no sockets, so that its tests need no port. What is
// checked is checked in the order of the real one.
import { randomBytes } from 'node:crypto'
import type { Endpoint } from './faults.js'
import { createSlot, createTicketWindow, type Slot, type TicketWindow } from './slot.js'
import { errmsgOf, makeRid } from './texts.js'

export interface PlatformRequest {
  method: string
  path: string
  query: URLSearchParams
  body: string
  /** The caller's, as 40164 tells it. */
  ip: string
}

/** What the platform says: an object, sent with status 200 whatever it is. */
export interface PlatformAnswer {
  /** `undefined`: a path that nobody knows. */
  endpoint: Endpoint | undefined
  errcode: number
  rid: string
  body: Record<string, unknown>
}

export interface Account {
  appId: string
  appSecret: string
}

export interface Rules {
  accounts: readonly Account[]
  ttl: number
  overlap: number
  ticketTtl: number
  maxLive: number
  /** Epoch milliseconds. */
  now: () => number
}

/** How often each endpoint was asked, and what came of it. */
export interface Counts {
  /** Requests to the token endpoint, good or bad. */
  token: number
  /** Requests to getticket. */
  ticket: number
  /** Business calls. */
  call: number
  /** Business calls and getticket requests refused for a dead token (40001, 42001). */
  rejected: number
  /** Tokens that were really made: each one replaced the one before. */
  rotated: number
  /** Requests to a path that nobody knows. */
  unknown: number
}

export interface Platform {
  readonly count: Counts
  /** The token endpoint answers with the token it has, alive or not, instead of a new one. */
  sameToken: boolean
  endpointOf(path: string): Endpoint | undefined
  /** Counts the request and answers it. `errcode`: what to answer instead of doing anything. */
  answer(request: PlatformRequest, errcode?: number): PlatformAnswer
  /** Counts a request that never gets as far as an answer. */
  tally(path: string): void
  killToken(appId?: string): void
  currentToken(appId?: string): string | undefined
}

interface State extends Account {
  slot: Slot
  tickets: TicketWindow
}

/** A refusal on its way to the answer. */
class Refused {
  constructor(readonly errcode: number) {}
}

function refuse(errcode: number): never {
  throw new Refused(errcode)
}

const MESSAGES = '/cgi-bin/message/'

/** Shaped like the real ones: 136 and 86 letters of base64url. */
const mintToken = (): string => `100_${randomBytes(99).toString('base64url')}`
const mintTicket = (): string => randomBytes(64).toString('base64url')

function endpointOf(path: string): Endpoint | undefined {
  if (path === '/cgi-bin/token') return 'token'
  if (path === '/cgi-bin/ticket/getticket') return 'ticket'
  if (path === '/cgi-bin/getcallbackip' || path === '/cgi-bin/user/info' || path.startsWith(MESSAGES)) return 'call'
  return undefined
}

export function createPlatform(rules: Rules): Platform {
  const states = new Map<string, State>()
  for (const account of rules.accounts) {
    const slot = createSlot({ ...rules, mint: mintToken })
    states.set(account.appId, { ...account, slot, tickets: createTicketWindow(rules.ticketTtl, mintTicket) })
  }
  const count: Counts = { token: 0, ticket: 0, call: 0, rejected: 0, rotated: 0, unknown: 0 }

  function stateOf(appId: string | undefined): State {
    const state = appId === undefined ? states.values().next().value : states.get(appId)
    if (!state) throw new TypeError(`appId must be one of the accounts; got ${appId}`)
    return state
  }

  /** The account that a token belongs to, or the refusal that the real platform would give. */
  function accountOf(query: URLSearchParams): State {
    const token = query.get('access_token') ?? undefined
    let verdict = 0
    for (const state of states.values()) {
      const own = state.slot.accept(token, rules.now())
      if (own === 0) return state
      // 42001 is the verdict of the token's own account; another account's slot only says that it knows no such token.
      if (verdict !== 42001) verdict = own
    }
    if (verdict !== 41001) count.rejected += 1
    return refuse(verdict)
  }

  function token({ query }: PlatformRequest): Record<string, unknown> {
    const appId = query.get('appid') || refuse(41002)
    const state = states.get(appId) ?? refuse(40013)
    const secret = query.get('secret') || refuse(41004)
    if (secret !== state.appSecret) refuse(40125)
    if (query.get('grant_type') !== 'client_credential') refuse(40002)
    if (platform.sameToken && state.slot.newest !== undefined) {
      return { access_token: state.slot.newest, expires_in: rules.ttl }
    }
    count.rotated += 1
    return { access_token: state.slot.rotate(rules.now()), expires_in: rules.ttl }
  }

  function ticket({ query }: PlatformRequest): Record<string, unknown> {
    const state = accountOf(query)
    if (query.get('type') !== 'jsapi') refuse(40097)
    // The whole window every time, not the rest of it: so the real one answers.
    return { errcode: 0, errmsg: 'ok', ticket: state.tickets.at(rules.now()), expires_in: rules.ticketTtl }
  }

  function call({ method, path, query, body }: PlatformRequest): Record<string, unknown> {
    if (path.startsWith(MESSAGES) && method !== 'POST') refuse(43002)
    accountOf(query)
    if (path === '/cgi-bin/getcallbackip') return { ip_list: ['127.0.0.1', '127.0.0.2'] }
    if (path === '/cgi-bin/user/info') {
      const openid = query.get('openid') || refuse(40003)
      return { subscribe: 1, openid, language: query.get('lang') ?? 'zh_CN', subscribe_time: Math.floor(rules.now() / 1000) }
    }
    if (body === '') refuse(44002)
    try {
      JSON.parse(body)
    } catch {
      refuse(47001)
    }
    return { errcode: 0, errmsg: 'ok', msgid: count.call }
  }

  const handlers = { token, ticket, call }

  const platform: Platform = {
    count,
    sameToken: false,
    endpointOf,
    tally(path) {
      count[endpointOf(path) ?? 'unknown'] += 1
    },
    answer(request, ordered) {
      const endpoint = endpointOf(request.path)
      const rid = makeRid(rules.now())
      platform.tally(request.path)
      try {
        if (ordered !== undefined) refuse(ordered)
        if (endpoint === undefined) refuse(40066)
        return { endpoint, errcode: 0, rid, body: handlers[endpoint](request) }
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        const { errcode } = error
        const errmsg = errmsgOf(errcode, request.ip, rid, endpoint === 'token')
        return { endpoint, errcode, rid, body: { errcode, errmsg } }
      }
    },
    killToken: (appId) => stateOf(appId).slot.kill(),
    currentToken: (appId) => stateOf(appId).slot.newest,
  }
  return platform
}
