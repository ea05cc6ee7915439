// What one request is to the handlers of the paths: its parts, and the checks that many paths share, in the real order.
import type { AccountState, Standing } from './account.js'
import { refuse } from './refusal.js'
import type { Log } from './request-log.js'
import type { Rules } from './rules.js'

export interface PlatformRequest {
  method: string
  path: string
  query: URLSearchParams
  body: string
  /** The caller's, as 40164 tells it. */
  ip: string
  /** Whether it came over HTTPS, or a proxy says so. */
  secure?: boolean
}

/** How often each endpoint was asked, and what came of it. */
export interface Counts {
  /** Requests to the classic token endpoint, good or bad. */
  token: number
  /** Requests to stable_token, good or bad. */
  stable: number
  /** Forced refreshes of a stable token that made a new one. */
  forced: number
  /** Requests to getticket. */
  ticket: number
  /** Business calls. */
  call: number
  /** Requests to the paths about quotas and request ids. */
  quota: number
  /** Requests refused for a dead token (40001, 40014, 42001). */
  rejected: number
  /** Classic tokens that were really made: each one replaced the one before. */
  rotated: number
  /** Stable tokens that were really made, forced or not. */
  stableRotated: number
  /** Requests to a path that nobody knows. */
  unknown: number
}

/** A request, with what its handler may touch. */
export interface Context {
  readonly request: PlatformRequest
  readonly now: number
  readonly rules: Rules
  readonly states: ReadonlyMap<string, AccountState>
  readonly count: Counts
  readonly log: Log
  /** The classic endpoint answers with the token it has, dead or alive. */
  readonly sameToken: boolean
  /** Which account it turned out to be. */
  appId: string | undefined
}

export type Body = Record<string, unknown>

const standingCodes: Readonly<Record<Standing, number>> = {
  good: 0,
  'secret-frozen': 40243,
  punished: 50004,
  limited: 50002,
  frozen: 50007,
}

/**
 * The account of a request that carries an AppSecret.
 *
 * @param tokens whether tokens are what it asks for: a punished account may do the rest.
 */
export function admit(context: Context, appId: string | undefined, secret: string | undefined, tokens: boolean): AccountState {
  const { ip } = context.request
  const state = context.states.get(appId || refuse(41002)) ?? refuse(40013)
  context.appId = state.appId
  if (state.standing !== 'good' && (tokens || state.standing !== 'punished')) refuse(standingCodes[state.standing])
  if (!state.allows(ip)) refuse(40164)
  const risk = state.risk.check(ip, context.now, secret === state.appSecret)
  if (risk !== 0) refuse(risk)
  if (!secret) refuse(41004)
  if (secret !== state.appSecret) refuse(40125)
  return state
}

/** The account of a request that carries a token. Only an official account's whitelist guards it. */
export function recognise(context: Context): AccountState {
  const token = context.request.query.get('access_token') ?? undefined
  let verdict = 0
  for (const state of context.states.values()) {
    const own = state.accept(token, context.now)
    if (own === 0 || own === 40014 || own === 42001) context.appId = state.appId
    if (own === 0) {
      if (state.standing === 'limited') refuse(50002)
      if (state.kind === 'official' && !state.allows(context.request.ip)) refuse(40164)
      return state
    }
    // 42001 and 40014 are verdicts of the token's own account; another account only says that it knows no such token.
    if (verdict !== 42001 && verdict !== 40014) verdict = own
  }
  if (verdict !== 41001) context.count.rejected += 1
  return refuse(verdict)
}

/** Counts one more call of the path, or refuses it. */
export function spend(context: Context, state: AccountState): void {
  if (!state.quota(context.request.path).take(context.now)) refuse(45009)
}
