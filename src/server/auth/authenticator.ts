import type { IncomingMessage } from 'node:http'
import type { Client } from '../http/client.js'
import { Problem } from '../http/problem.js'
import type { Roster } from './client-registry.js'
import { Throttle } from './failure-throttle.js'

/** Who asks. A good token passes always: one bad neighbour behind the same address must not lock out the others. */
export class Gate {
  readonly #throttle = new Throttle()

  constructor(
    readonly roster: Roster,
    readonly isBehindProxy: boolean,
    readonly onFailure: (reason: 'missing' | 'malformed' | 'unknown' | 'expired') => void,
  ) {}

  enter(request: IncomingMessage): Client {
    if (this.roster.isOpen) return this.roster.look('')!
    const { authorization } = request.headers
    if (authorization === undefined) throw this.#refuse(request, 'missing')
    if (authorization.length < 8 || authorization.slice(0, 7).toLowerCase() !== 'bearer ')
      throw this.#refuse(request, 'malformed')
    const member = this.roster.look(authorization.slice(7).trim())
    if (member === undefined) throw this.#refuse(request, 'unknown')
    if (member.expires <= Date.now()) throw this.#refuse(request, 'expired')
    return member
  }

  /** For routes that authenticate by themselves: notes a failure. @throws Problem (429) if it was one too many. */
  refused(request: IncomingMessage): void {
    const problem = this.#refuse(request, 'unknown')
    if (problem.status === 429) throw problem
  }

  #refuse(request: IncomingMessage, reason: 'missing' | 'malformed' | 'unknown' | 'expired'): Problem {
    this.onFailure(reason)
    const retryAfter = this.#throttle.fail(this.#addressOf(request))
    if (retryAfter !== undefined) {
      return new Problem(429, 'too_many_failures', 'Too many requests without a valid token came from there', { retryAfter })
    }
    return unauthorized()
  }

  #addressOf(request: IncomingMessage): string {
    const named = this.isBehindProxy ? request.headers['x-forwarded-for'] : undefined
    // The last one is what the proxy saw; those before it are what the client says.
    const last =
      typeof named === 'string'
        ? named
            .slice(named.lastIndexOf(',') + 1)
            .trim()
            .slice(0, 64)
        : undefined
    return last || (request.socket.remoteAddress ?? 'local')
  }
}

export const unauthorized = (): Problem =>
  new Problem(401, 'unauthorized', 'A valid client token is needed: Authorization: Bearer <token>', {
    headers: { 'www-authenticate': 'Bearer realm="dotdog"' },
  })

/** The same whether the key exists or not. */
export const forbidden = (): Problem => new Problem(403, 'forbidden', 'This client may not do that')
