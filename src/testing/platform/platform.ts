// The platform as a pure function of a request, a clock and its own state: no sockets, so that its tests need no port. What is
// checked is checked in the order of the real one.
import { type Account, type AccountState, createAccount } from '../model/account.js'
import { errmsgOf, makeRid } from '../model/errmsg.js'
import type { Body, Context, Counts, PlatformRequest } from '../model/fake-request.js'
import type { Endpoint } from '../model/faults.js'
import { Refused, refuse } from '../model/refusal.js'
import { createLog, type Log, type LogEntry } from '../model/request-log.js'
import { completeRules, type SomeRules } from '../model/rules.js'
import { routeOf } from './routes.js'

/** What the platform says: an object, sent with status 200 whatever it is. */
export interface PlatformAnswer {
  /** `undefined`: a path that nobody knows. */
  endpoint: Endpoint | undefined
  errcode: number
  rid: string
  body: Body
  /** What the log has of it; the server adds what became of it on the wire. */
  entry: LogEntry
}

export interface Platform {
  readonly count: Counts
  readonly log: Log
  /** The classic token endpoint answers with the token it has, alive or not, instead of a new one. */
  sameToken: boolean
  /** The clock it goes by, epoch milliseconds. */
  now(): number
  endpointOf(path: string): Endpoint | undefined
  /** Counts the request and answers it. `errcode`: what to answer instead of doing anything. */
  answer(request: PlatformRequest, errcode?: number): PlatformAnswer
  /** Counts and logs a request that never gets as far as an answer. */
  note(request: PlatformRequest): LogEntry
  /** Default: the first account. */
  account(appId?: string): AccountState
}

/** @throws TypeError for a wrong whitelist entry. */
export function createPlatform(accounts: readonly Account[], some: SomeRules = {}): Platform {
  const rules = completeRules(some)
  const states = new Map(accounts.map((account) => [account.appId, createAccount(account, rules)]))
  const log = createLog()
  const count: Counts = {
    ...{ token: 0, stable: 0, forced: 0, ticket: 0, call: 0, quota: 0 },
    ...{ rejected: 0, rotated: 0, stableRotated: 0, unknown: 0 },
  }

  function note({ method, path, ip }: PlatformRequest): LogEntry {
    const state = { status: 200, errcode: undefined, rid: undefined, fault: undefined, appId: undefined }
    count[routeOf(path)?.endpoint ?? 'unknown'] += 1
    return log.add({ at: rules.now(), method, path, ip, ...state })
  }

  function handle(context: Context, ordered: number | undefined): Body {
    const { method, path, secure } = context.request
    if (ordered !== undefined) return refuse(ordered)
    if (rules.requireHttps && !secure) return refuse(43003)
    const route = routeOf(path) ?? refuse(40066)
    if (route.post && method !== 'POST') return refuse(43002)
    return route.handle(context)
  }

  const platform: Platform = {
    count,
    log,
    sameToken: false,
    now: rules.now,
    endpointOf: (path) => routeOf(path)?.endpoint,
    answer(request, ordered) {
      const route = routeOf(request.path)
      const entry = note(request)
      const now = entry.at
      const rid = makeRid(now)
      const { sameToken } = platform
      const context: Context = { request, now, rules, states, count, log, sameToken, appId: undefined }
      let errcode = 0
      let body: Body
      try {
        body = handle(context, ordered)
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        errcode = error.errcode
        body = { errcode, errmsg: errmsgOf(errcode, { ...request, rid, credential: route?.credential === true }) }
      }
      Object.assign(entry, { errcode, rid, appId: context.appId })
      return { endpoint: route?.endpoint, errcode, rid, body, entry }
    },
    note,
    account(appId) {
      const state = appId === undefined ? states.values().next().value : states.get(appId)
      if (!state) throw new TypeError(`appId must be one of the accounts; got ${appId} (${typeof appId})`)
      return state
    },
  }
  return platform
}
