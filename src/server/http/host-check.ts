import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { Problem } from './problem.js'

/**
 * Refuses requests that a browser was tricked into sending: by DNS rebinding, or by a form of
 * another site.
 */

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

/** The name in a Host header, without port and brackets. */
export function hostNameOf(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host)
  return (match?.[1] ?? match?.[2])?.toLowerCase()
}

export class HostCheck {
  readonly #names: ReadonlySet<string>
  /** The last accepted Host header: the same few are sent again and again. */
  #lastAccepted: string | undefined

  constructor(names: readonly string[]) {
    this.#names = new Set(names.map((name) => name.toLowerCase()))
  }

  /**
   * Checks the Host header of a request over TCP; no browser can reach a unix socket.
   *
   * @throws Problem (421) for a name that is not the server's.
   */
  check(request: IncomingMessage): void {
    const host = request.headers.host ?? ''
    if (host === this.#lastAccepted) return
    const name = hostNameOf(host)
    if (name !== undefined && (isLoopback(name) || this.#names.has(name))) this.#lastAccepted = host
    else if (name === undefined || name !== request.socket.localAddress?.replace(/^::ffff:/, '')) {
      throw new Problem(421, 'misdirected', 'This server does not answer under that name; the option "hosts" lists its names')
    }
  }
}

/**
 * Refuses what a page of another site makes a browser send. Programs send neither of the two
 * headers.
 *
 * @throws Problem (403)
 */
export function checkOrigin(request: IncomingMessage): void {
  const { origin, host } = request.headers
  const site = request.headers['sec-fetch-site']
  const isOtherSite = site !== undefined && site !== 'same-origin' && site !== 'none'
  const isOtherOrigin = origin !== undefined && !(URL.canParse(origin) && new URL(origin).host === host)
  if (isOtherSite || isOtherOrigin) throw new Problem(403, 'cross_site', 'A page of another site may not do that')
}
