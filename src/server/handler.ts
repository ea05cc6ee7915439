import type { IncomingMessage, ServerResponse } from 'node:http'
import { DogError } from 'dotdog'
import type { Authenticator } from './auth/authenticator.js'
import { bodyCut } from './http/body.js'
import type { Client } from './http/client.js'
import { checkOrigin, type HostCheck } from './http/host-check.js'
import { Problem, problemOf } from './http/problem.js'
import { type ActiveRequests, RequestContext, type ServerRoute } from './http/request-context.js'
import { sendProblem } from './http/respond.js'
import type { FindRoute } from './http/router.js'
import type { Metrics } from './routes/metrics.js'

/**
 * Handles one request, wherever it arrived: finds its route, authenticates, calls the route, and
 * answers errors.
 */

/** One request for a log. Holds no query, no token and no value. */
export interface LogEntry {
  /** `GET`, `HEAD`, `POST`, or `other`. */
  method: string
  /** The route's name, not the path. */
  route: string
  key: string | undefined
  /** The client's name. */
  client: string | undefined
  /** The HTTP status; 499 if the client disconnected before the answer. */
  status: number
  /** Milliseconds from the arrival to the answer. */
  ms: number
  /**
   * The client's address: of its connection, or with `behindProxy` as the proxy names it. Undefined
   * at a unix socket.
   */
  address: string | undefined
  /** Why the request was refused: a problem's code, or an errcode of the platform's paths. */
  reason: string | undefined
}

export interface HandlerParts {
  findRoute: FindRoute
  authenticator: Authenticator
  /** On a socket of the operator, every request is this client's. */
  operator: Client | undefined
  metrics: Metrics
  /** Undefined on a unix socket, which no browser can reach. */
  hostCheck: HostCheck | undefined
  active: ActiveRequests
  isClosing(): boolean
  log: ((entry: LogEntry) => void) | undefined
  /** Called for internal errors. */
  report(line: string): void
}

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void

const NO_PARAMS = {}
const COUNTED_METHODS = ['GET', 'HEAD', 'POST']
const MAX_URL_CHARS = 8192
/** The status in logs and metrics of a request whose client disconnected before the answer. */
const CLIENT_DISCONNECTED = 499
/** Visible ASCII, beginning with a slash: HTTP clients send no other form. */
const REQUEST_TARGET = /^\/[\x21\x24-\x7e]*$/

export function createHandler(parts: HandlerParts): RequestHandler {
  const { findRoute, authenticator, metrics, active, log, report } = parts

  /** The checks before the route is entered. */
  function admit(request: IncomingMessage, route: ServerRoute, context: RequestContext): void {
    if (parts.isClosing() && route.auth !== 'none') throw shuttingDown()
    if (request.method === 'POST') checkOrigin(request)
    if (route.auth === 'bearer') context.client = parts.operator ?? authenticator.authenticate(request)
  }

  function answerError(error: unknown, context: RequestContext, route: ServerRoute | undefined): void {
    const { request, response, params } = context
    if (params.key !== undefined) metrics.fetches.recordFailure(params.key, error)
    let problem = problemOf(error)
    // A client that disconnects in the middle of its request causes no internal error, whichever
    // handler reads the body.
    if (request.errored !== null && error === request.errored) problem = bodyCut()
    if (problem === undefined) {
      // The sanitised copy: URLs are cut, and known values are masked.
      const { message = 'it threw no error' } = Object(new DogError('ERR_DOG_STORE', '', { cause: error }).cause)
      report(`dotdog: ${route?.name ?? 'a request'} failed: ${message}`)
      problem = new Problem(500, 'internal', 'Something went wrong here; the server’s log has the details')
    }
    context.logDetails.reason ??= problem.fields.logReason ?? problem.code
    if (response.headersSent) return void response.destroy()
    if (!request.complete) response.setHeader('Connection', 'close')
    sendProblem(response, problem)
  }

  return (request, response) => {
    const { method = 'GET', url = '' } = request
    const startedAt = log === undefined ? 0 : performance.now()
    if (parts.isClosing()) response.shouldKeepAlive = false
    const queryStart = url.indexOf('?')
    const rawQuery = queryStart < 0 ? '' : url.slice(queryStart + 1)
    let route: ServerRoute | undefined
    const context = new RequestContext(request, response, NO_PARAMS, rawQuery, active)
    const finish = () => {
      const countedMethod = COUNTED_METHODS.includes(method) ? method : 'other'
      const status = response.headersSent ? response.statusCode : CLIENT_DISCONNECTED
      metrics.countRequest(route?.name ?? 'none', countedMethod, status)
      try {
        log?.({
          method: countedMethod,
          route: route?.name ?? 'none',
          key: context.params.key ?? context.logDetails.key,
          client: context.client?.name ?? context.logDetails.client,
          status,
          ms: performance.now() - startedAt,
          address: authenticator.addressOf(request),
          reason: context.logDetails.reason,
        })
      } catch {
        // A log function that throws must not end the server.
      }
    }
    const fail = (error: unknown) => {
      answerError(error, context, route)
      finish()
    }
    try {
      if (url.length > MAX_URL_CHARS) throw new Problem(414, 'long_url', 'The path and query are too long')
      if (!REQUEST_TARGET.test(url)) throw new Problem(400, 'bad_path', 'The request-target is malformed')
      parts.hostCheck?.check(request)
      const match = findRoute(method, queryStart < 0 ? url : url.slice(0, queryStart))
      route = match.route
      context.params = match.params
      admit(request, route, context)
      route.handle(context).then(finish, fail)
    } catch (error) {
      fail(error)
    }
  }
}

export const shuttingDown = (): Problem => new Problem(503, 'shutting_down', 'The server is shutting down', { retryAfter: 1 })
