import type { IncomingMessage } from 'node:http'
import type { Client } from '../http/client.js'
import { Problem } from '../http/problem.js'
import type { ClientRegistry } from './client-registry.js'
import { FailureThrottle } from './failure-throttle.js'

export type AuthFailureReason = 'missing' | 'malformed' | 'unknown' | 'expired'

const BEARER_PREFIX = 'bearer '
const MAX_ADDRESS_CHARS = 64

/**
 * Finds the client that sent a request. A valid token is always accepted: a client that fails must
 * not lock out the others behind the same address.
 */
export class Authenticator {
  readonly #throttle = new FailureThrottle()

  constructor(
    readonly registry: ClientRegistry,
    readonly isBehindProxy: boolean,
    readonly onFailure: (reason: AuthFailureReason) => void,
  ) {}

  /**
   * @throws Problem (401) without a valid token, or (429) after too many failures of one address.
   */
  authenticate(request: IncomingMessage): Client {
    if (this.registry.isOpen) return this.registry.byToken('')!
    const { authorization } = request.headers
    if (authorization === undefined) throw this.#failureOf(request, 'missing')
    const scheme = authorization.slice(0, BEARER_PREFIX.length).toLowerCase()
    if (authorization.length <= BEARER_PREFIX.length || scheme !== BEARER_PREFIX) {
      throw this.#failureOf(request, 'malformed')
    }
    const client = this.registry.byToken(authorization.slice(BEARER_PREFIX.length).trim())
    if (client === undefined) throw this.#failureOf(request, 'unknown')
    if (client.expiresAt <= Date.now()) throw this.#failureOf(request, 'expired', client.name)
    return client
  }

  /**
   * Counts a failure of a route that authenticates by itself.
   *
   * @throws Problem (429) after too many failures of one address.
   */
  recordFailure(request: IncomingMessage): void {
    const problem = this.#failureOf(request, 'unknown')
    if (problem.status === 429) throw problem
  }

  #failureOf(request: IncomingMessage, reason: AuthFailureReason, name?: string): Problem {
    this.onFailure(reason)
    const logReason = `token ${reason}${name === undefined ? '' : ` of ${name}`}`
    const retryAfter = this.#throttle.recordFailure(this.addressOf(request) ?? 'local')
    if (retryAfter === undefined) return unauthorized(logReason)
    const detail = 'Too many requests without a valid token came from this address'
    return new Problem(429, 'too_many_failures', detail, { retryAfter, logReason: `${logReason}, too often` })
  }

  /** The address of the client. Undefined at a unix socket. */
  addressOf(request: IncomingMessage): string | undefined {
    const forwardedFor = this.isBehindProxy ? request.headers['x-forwarded-for'] : undefined
    const fallback = request.socket.remoteAddress
    if (typeof forwardedFor !== 'string') return fallback
    // The proxy wrote the last address; the client may have invented those before it.
    const last = forwardedFor.slice(forwardedFor.lastIndexOf(',') + 1).trim()
    return last.slice(0, MAX_ADDRESS_CHARS) || fallback
  }
}

export const unauthorized = (logReason = 'token revoked'): Problem =>
  new Problem(401, 'unauthorized', 'A valid client token is needed: Authorization: Bearer <token>', {
    logReason,
    headers: { 'www-authenticate': 'Bearer realm="dotdog"' },
  })

/** The same answer whether the key exists or not. */
export const forbidden = (): Problem => new Problem(403, 'forbidden', 'This client may not do that')
