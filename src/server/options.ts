import type { IncomingMessage } from 'node:http'
import type { Dog } from 'dotdog'
import type { LogEntry } from './handler.js'
import type { ClientConfig, Clients } from './http/client.js'
import type { Route } from './http/route.js'

/** What `createServer` and `listen` may be given, checked. */

export interface Limits {
  /** Connections at a time; more are closed at once. Default 10000. */
  connections?: number
  /** Long polls open at a time. Default 10000. */
  polls?: number
  /** Event streams open at a time. Default 100. */
  streams?: number
  /** Bytes of a body. Default 1048576. */
  body?: number
  /** Seconds for the headers of a request. Default 10. */
  headersTimeout?: number
  /** Seconds for a whole request. Default 30. */
  requestTimeout?: number
  /** Seconds that `close` waits for requests under way before it cuts them. Default 30. */
  closeTimeout?: number
}

export interface ServerOptions {
  /** Whose keys are served. Default: the default dog, the package `dotdog` itself. */
  dog?: Dog
  /** Who may ask. Needed on TCP; on a unix socket without it, whoever can open the socket may do everything. */
  clients?: readonly ClientConfig[]
  /** More routes, or what makes them. Those that authenticate by themselves tell `refused` of bad tokens; it may throw a 429. */
  routes?: readonly Route[] | ((clients: Clients, refused: (request: IncomingMessage) => void) => readonly Route[])
  /** Names under which the server is reached, beside the loopback's and the address of the connection. */
  hosts?: readonly string[]
  /** A proxy in front of the server has TLS: no certificate is asked for, and X-Forwarded-For is believed. Default false. */
  behindProxy?: boolean
  /** The server's own certificate and its key, in PEM. */
  tls?: { cert: string | Buffer; key: string | Buffer }
  limits?: Limits
  /** Told of every request. Default: nobody. */
  log?: (entry: LogEntry) => void
  /** Told of faults, a line without secrets each. Default: standard error. */
  report?: (line: string) => void
}

export type Where = { socketPath: string } | { port: number; host?: string }

const STANDARD: Required<Limits> = {
  connections: 10_000,
  polls: 10_000,
  streams: 100,
  body: 1_048_576,
  headersTimeout: 10,
  requestTimeout: 30,
  closeTimeout: 30,
}
const OPTIONS = ['dog', 'clients', 'routes', 'hosts', 'behindProxy', 'tls', 'limits', 'log', 'report']

const fail = (name: string, rule: string, value: unknown): never => {
  throw new TypeError(`${name} must be ${rule}; got ${value === null ? 'null' : typeof value}`)
}

/** @throws TypeError for the first option that is wrong. */
export function checkOptions(options: ServerOptions): Required<Limits> {
  if (typeof options !== 'object' || options === null) fail('options', 'an object', options)
  for (const name of Object.keys(options)) {
    if (!OPTIONS.includes(name)) throw new TypeError(`unknown option "${name}"; there are ${OPTIONS.join(', ')}`)
  }
  const { dog, routes, hosts, behindProxy, tls, limits = {}, log, report } = options
  if (dog !== undefined && typeof dog?.status !== 'function') fail('dog', 'what createDog() returns', dog)
  if (routes !== undefined && !Array.isArray(routes) && typeof routes !== 'function')
    fail('routes', 'a list or a function', routes)
  if (hosts !== undefined && !(Array.isArray(hosts) && hosts.every((host) => /^[\w.:-]+$/.test(host)))) {
    fail('hosts', 'a list of names or addresses, without ports', hosts)
  }
  if (behindProxy !== undefined && typeof behindProxy !== 'boolean') fail('behindProxy', 'true or false', behindProxy)
  if (tls !== undefined && !(tls?.cert && tls.key)) fail('tls', 'an object with cert and key, in PEM', tls)
  for (const [name, value] of Object.entries({ log, report })) {
    if (value !== undefined && typeof value !== 'function') fail(name, 'a function', value)
  }
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(STANDARD, name))
      throw new TypeError(`unknown limit "${name}"; there are ${Object.keys(STANDARD).join(', ')}`)
    if (value !== undefined && !(typeof value === 'number' && value > 0 && value < 2 ** 31))
      fail(`limits.${name}`, 'a number over 0', value)
  }
  const given = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined))
  return { ...STANDARD, ...given }
}

/** The longest path of a unix socket that every system takes, in bytes. */
const LONGEST_PATH = 103

/** @throws TypeError if it is no place to listen at. */
export function checkWhere(where: Where): void {
  if (typeof where !== 'object' || where === null) fail('where', '{ socketPath } or { port, host }', where)
  const { socketPath, port, host } = where as { socketPath?: unknown; port?: unknown; host?: unknown }
  if (socketPath !== undefined) {
    if (port !== undefined || host !== undefined) throw new TypeError('socketPath excludes port and host')
    if (typeof socketPath !== 'string' || socketPath === '') fail('socketPath', 'a path', socketPath)
    const size = Buffer.byteLength(socketPath as string)
    if (size > LONGEST_PATH) throw new TypeError(`socketPath must have at most ${LONGEST_PATH} bytes; got ${size}`)
    return
  }
  if (!Number.isInteger(port) || (port as number) < 0 || (port as number) > 65_535)
    fail('port', 'a number from 0 to 65535', port)
  if (host !== undefined && (typeof host !== 'string' || host === '')) fail('host', 'an address to listen at', host)
}
