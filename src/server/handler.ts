import type { IncomingMessage, ServerResponse } from 'node:http'
import { DogError } from 'dotdog'
import type { Gate } from './auth/authenticator.js'
import { checkOrigin, type HostCheck } from './http/host-check.js'
import { Problem, problemOf } from './http/problem.js'
import { type Lobby, Visit } from './http/request-context.js'
import { sendProblem } from './http/respond.js'
import type { Route } from './http/route.js'
import type { FindRoute } from './http/router.js'
import type { Metrics } from './routes/metrics.js'

/** What becomes of a request. A function of it: where it came from is somebody else's matter. */

/** One request, as a log may have it. Holds no query, no token and no value. */
export interface LogEntry {
  method: string
  /** The route's name, not the path. */
  route: string
  key: string | undefined
  client: string | undefined
  status: number
  ms: number
}

export interface HandlerParts {
  find: FindRoute
  gate: Gate
  metrics: Metrics
  /** Undefined where no browser comes: on a unix socket. */
  hosts: HostCheck | undefined
  lobby: Lobby
  isClosing(): boolean
  log: ((entry: LogEntry) => void) | undefined
  /** Told of faults of ours. */
  report(line: string): void
}

export type Handle = (request: IncomingMessage, response: ServerResponse) => void

const NONE = {}
const KNOWN = ['GET', 'HEAD', 'POST']
const LONGEST_URL = 8192
/** Visible ASCII, beginning with a slash: the only form that a client of ours sends. */
const TARGET = /^\/[\x21\x24-\x7e]*$/

export function createHandler(parts: HandlerParts): Handle {
  const { find, gate, metrics, hosts, lobby, log, report } = parts

  /** Before the route is entered. */
  function admit(request: IncomingMessage, route: Route, visit: Visit): void {
    if (parts.isClosing() && route.auth !== 'none') throw shuttingDown()
    if (request.method === 'POST') checkOrigin(request)
    if (route.auth === 'bearer') visit.client = gate.enter(request)
  }

  function fail(error: unknown, visit: Visit, route: Route | undefined): void {
    const { request, response, params } = visit
    if (params.key !== undefined) metrics.fetches.failed(params.key, error)
    let problem = problemOf(error)
    // Who goes away in the middle of its request is no fault of ours, whoever was reading it.
    if (request.errored !== null && error === request.errored) problem = new Problem(400, 'body_cut', 'The body ended early')
    if (problem === undefined) {
      // A copy: URLs cut, known values masked.
      const { message = 'it threw no error' } = Object(new DogError('ERR_DOG_STORE', '', { cause: error }).cause)
      report(`dotdog: ${route?.name ?? 'a request'} failed: ${message}`)
      problem = new Problem(500, 'internal', 'Something went wrong here; the server’s log says more')
    }
    if (!response.headersSent) {
      if (!request.complete) response.setHeader('Connection', 'close')
      sendProblem(response, problem)
    } else response.destroy()
  }

  return (request, response) => {
    const { method = 'GET', url = '' } = request
    const began = log === undefined ? 0 : performance.now()
    if (parts.isClosing()) response.shouldKeepAlive = false
    const cut = url.indexOf('?')
    let route: Route | undefined
    const visit = new Visit(request, response, NONE, cut < 0 ? '' : url.slice(cut + 1), lobby)
    const done = () => {
      const verb = KNOWN.includes(method) ? method : 'other'
      const status = response.headersSent ? response.statusCode : 499
      metrics.requested(route?.name ?? 'none', verb, status)
      try {
        log?.({
          ...{ method: verb, route: route?.name ?? 'none', status, ms: performance.now() - began },
          ...{ key: visit.params.key, client: visit.client?.name },
        })
      } catch {
        // Whoever listens badly must not end the server.
      }
    }
    const failed = (error: unknown) => {
      fail(error, visit, route)
      done()
    }
    try {
      if (url.length > LONGEST_URL) throw new Problem(414, 'long_url', 'The path and query are too long')
      if (!TARGET.test(url)) throw new Problem(400, 'bad_path', 'The request has no plain path')
      hosts?.check(request)
      const found = find(method, cut < 0 ? url : url.slice(0, cut))
      route = found.route
      visit.params = found.params
      admit(request, route, visit)
      route.handle(visit).then(done, failed)
    } catch (error) {
      failed(error)
    }
  }
}

export const shuttingDown = (): Problem => new Problem(503, 'shutting_down', 'The server is shutting down', { retryAfter: 1 })
