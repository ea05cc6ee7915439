/**
 * The platform as a pure function of a request, a clock and its own state. It opens no socket, so
 * that its tests need no port. Its checks run in the order of the real platform.
 */
import { misuse } from '../../core/shared/validate.js'
import { type Account, type AccountState, createAccountState } from '../model/account.js'
import { errmsgOf, makeRid } from '../model/errmsg.js'
import { type Counts, type FakeRequest, FileResponse, type HandlerContext, type JsonObject } from '../model/fake-request.js'
import type { Endpoint } from '../model/faults.js'
import { ErrcodeRefusal, refuse } from '../model/refusal.js'
import { createRequestLog, type LogEntry, type RequestLog } from '../model/request-log.js'
import { completeRules, type PartialRules } from '../model/rules.js'
import { routeOf } from './routes.js'

/** The response to a request. Its HTTP status is always 200. */
export interface PlatformResponse {
  /** `undefined` for an unknown path. */
  endpoint: Endpoint | undefined
  /** 0 for success. */
  errcode: number
  rid: string
  body: JsonObject
  /** In place of the body, if the response is no JSON. */
  file: FileResponse | undefined
  /** The request's entry in the log. The server adds what happened on the connection. */
  entry: LogEntry
}

export interface Platform {
  readonly count: Counts
  readonly log: RequestLog
  /** The classic token endpoint returns its newest token, alive or dead, instead of a new one. */
  sameToken: boolean
  /** The platform's clock, in epoch milliseconds. */
  now(): number
  endpointOf(path: string): Endpoint | undefined
  /**
   * Counts and logs a request, and returns the response to it.
   *
   * @param errcode if given, the response is this errcode and the request is not processed
   */
  respond(request: FakeRequest, errcode?: number): PlatformResponse
  /** Counts and logs a request that gets no response of the platform. */
  record(request: FakeRequest): LogEntry
  /**
   * The state of an account. Default: the first account.
   *
   * @throws TypeError for an unknown AppID.
   */
  account(appId?: string): AccountState
}

/** @throws TypeError for a wrong whitelist entry. */
export function createPlatform(accounts: readonly Account[], overrides: PartialRules = {}): Platform {
  const rules = completeRules(overrides)
  const states = new Map(accounts.map((account) => [account.appId, createAccountState(account, rules)]))
  const log = createRequestLog()
  const count: Counts = {
    token: 0,
    stable: 0,
    forced: 0,
    ticket: 0,
    call: 0,
    quota: 0,
    component: 0,
    authorizer: 0,
    rejected: 0,
    rotated: 0,
    stableRotated: 0,
    unknown: 0,
  }

  function record({ method, path, ip }: FakeRequest): LogEntry {
    const outcome = { status: 200, errcode: undefined, rid: undefined, fault: undefined, appId: undefined }
    count[routeOf(path)?.endpoint ?? 'unknown'] += 1
    return log.add({ at: rules.now(), method, path, ip, ...outcome })
  }

  function handle(context: HandlerContext, orderedErrcode: number | undefined): JsonObject | FileResponse {
    const { method, path, isHttps } = context.request
    if (orderedErrcode !== undefined) return refuse(orderedErrcode)
    if (rules.requireHttps && !isHttps) return refuse(43003)
    const route = routeOf(path) ?? refuse(40066)
    if (route.needsPost && method !== 'POST') return refuse(43002)
    return route.handle(context)
  }

  const platform: Platform = {
    count,
    log,
    sameToken: false,
    now: rules.now,
    endpointOf: (path) => routeOf(path)?.endpoint,
    respond(request, orderedErrcode) {
      const route = routeOf(request.path)
      const entry = record(request)
      const now = entry.at
      const rid = makeRid(now)
      const { sameToken } = platform
      const context: HandlerContext = { request, now, rules, accounts: states, count, log, sameToken, appId: undefined }
      let errcode = 0
      let body: JsonObject = {}
      let file: FileResponse | undefined
      try {
        const response = handle(context, orderedErrcode)
        if (response instanceof FileResponse) file = response
        else body = response
      } catch (error) {
        if (!(error instanceof ErrcodeRefusal)) throw error
        errcode = error.errcode
        body = { errcode, errmsg: errmsgOf(errcode, { ...request, rid, takesAppSecret: route?.takesAppSecret === true }) }
      }
      Object.assign(entry, { errcode, rid, appId: context.appId })
      return { endpoint: route?.endpoint, errcode, rid, body, file, entry }
    },
    record,
    account(appId) {
      const state = appId === undefined ? states.values().next().value : states.get(appId)
      if (!state) throw misuse('appId', 'must be one of the accounts', appId)
      return state
    },
  }
  return platform
}
