import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { Problem } from './problem.js'

/** Whether a request means us: a browser can be made to send one that does not (DNS rebinding, forms of other sites). */

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

/** The name in a Host header, without port and brackets. */
export function hostNameOf(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host)
  return (match?.[1] ?? match?.[2])?.toLowerCase()
}

export class HostCheck {
  readonly #names: ReadonlySet<string>
  /** Host headers that were found good: the same few come again and again. */
  #last: string | undefined

  constructor(names: readonly string[]) {
    this.#names = new Set(names.map((name) => name.toLowerCase()))
  }

  /** On TCP only: no browser gets at a unix socket. */
  check(request: IncomingMessage): void {
    const host = request.headers.host ?? ''
    if (host === this.#last) return
    const name = hostNameOf(host)
    if (name !== undefined && (isLoopback(name) || this.#names.has(name))) this.#last = host
    else if (name === undefined || name !== request.socket.localAddress?.replace(/^::ffff:/, '')) {
      throw new Problem(421, 'misdirected', 'This server does not answer under that name; "hosts" names those that it has')
    }
  }
}

/** What a page of another site makes a browser send is refused. Programs send neither header. */
export function checkOrigin(request: IncomingMessage): void {
  const { origin, host } = request.headers
  const site = request.headers['sec-fetch-site']
  const isForeign = site !== undefined && site !== 'same-origin' && site !== 'none'
  const isElsewhere = origin !== undefined && !(URL.canParse(origin) && new URL(origin).host === host)
  if (isForeign || isElsewhere) throw new Problem(403, 'cross_site', 'A page of another site may not do that')
}
