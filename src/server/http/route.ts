import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Client } from './client.js'

/** What the parts of the server agree on: a route, and what its handler is given. */

export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Decoded parameters of the path. */
  readonly params: Record<string, string | undefined>
  readonly query: URLSearchParams
  /** Who asks. Undefined only where the route authenticates by itself. */
  readonly client: Client | undefined
  /** Aborts when the client went away or the server shuts down. */
  readonly signal: AbortSignal
}

export interface Route {
  method: 'GET' | 'POST' | 'HEAD'
  /** find-my-way's syntax. */
  path: string
  /** As metrics call it; no part of it comes from a request. */
  name: string
  /** `none`: for everybody (health). `own`: the handler authenticates, as the platform's paths do by `secret`. */
  auth: 'bearer' | 'own' | 'none'
  /** A thrown {@link Problem} becomes the answer; anything else is a 500 without details. */
  handle(exchange: Exchange): Promise<void>
}
