import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Client } from './client.js'

/** What a route that authenticates by itself adds to the server's log. Holds no secret. */
export interface LogDetails {
  /** The client's name. */
  client?: string
  key?: string
  /** Why the request was refused, where its HTTP status does not say so. */
  reason?: string
}

/** One request and its response, as a route's handler gets it. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Decoded parameters of the path. */
  readonly params: Record<string, string | undefined>
  readonly query: URLSearchParams
  /** The client that sent the request. Undefined only where the route authenticates by itself. */
  readonly client: Client | undefined
  /** Aborts when the client disconnects or the server shuts down. */
  readonly signal: AbortSignal
  /** Its members are written into the server's log. Undefined where no server logs. */
  readonly logDetails?: LogDetails
}

/**
 * One path of the server.
 *
 * @example
 * const hello = {
 *   method: 'GET',
 *   path: '/hello/:name',
 *   name: 'hello',
 *   auth: 'bearer',
 *   async handle({ params, response }) {
 *     response.end(`hello ${params.name}`)
 *   },
 * }
 */
export interface Route<Context extends Exchange = Exchange> {
  method: 'GET' | 'POST' | 'HEAD'
  /** In the syntax of find-my-way. */
  path: string
  /** The route's name in metrics and logs; no part of it comes from a request. */
  name: string
  /**
   * `bearer`: a client token is needed. `none`: everybody may ask (health). `own`: the handler
   * authenticates, as the platform's paths do by `secret`.
   */
  auth: 'bearer' | 'own' | 'none'
  /** A thrown {@link Problem} becomes the answer; anything else becomes a 500 without details. */
  handle(context: Context): Promise<void>
}
