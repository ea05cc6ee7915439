import type { IncomingMessage } from 'node:http'
import type { Dog } from 'dotdog'
import {
  BOOLEAN,
  checkMembers,
  checkOptions,
  checkValue,
  FUNCTION,
  OBJECT,
  POSITIVE_NUMBER,
  type Rule,
  type Rules,
  required,
  TEXT,
} from '../core/shared/validate.js'
import type { LogEntry } from './handler.js'
import type { ClientConfig, Clients } from './http/client.js'
import type { Route } from './http/route.js'

/** The options of `createServer` and `listen`, and their checks. */

export interface Limits {
  /** Connections at a time; more are closed at once. Default 10000. */
  connections?: number
  /** Long polls open at a time. Default 10000. */
  polls?: number
  /** Event streams open at a time. Default 100. */
  streams?: number
  /** Bytes of a request's body. Default 1048576. */
  body?: number
  /** Seconds in which the headers of a request must arrive. Default 10. */
  headersTimeout?: number
  /** Seconds in which a whole request must arrive. Default 30. */
  requestTimeout?: number
  /** Seconds that `close` waits for requests under way before it cuts them. Default 30. */
  closeTimeout?: number
}

export interface ServerOptions {
  /** The dog whose keys are served. Default: the default dog, the package `dotdog` itself. */
  dog?: Dog
  /**
   * The clients that may ask. Needed on TCP. On a unix socket without clients, every process that
   * can open the socket may do everything.
   */
  clients?: readonly ClientConfig[]
  /**
   * More routes, or a function that makes them. Routes that authenticate by themselves call
   * `recordFailure` for a bad token; it may throw a 429.
   */
  routes?: readonly Route[] | ((clients: Clients, recordFailure: (request: IncomingMessage) => void) => readonly Route[])
  /** Names of the server, besides those of the loopback and the address of the connection. */
  hosts?: readonly string[]
  /**
   * A proxy in front of the server has TLS: no certificate is needed, and X-Forwarded-For is
   * trusted. Default false.
   */
  behindProxy?: boolean
  /** The server's own certificate and its key, in PEM. */
  tls?: { cert: string | Buffer; key: string | Buffer }
  limits?: Limits
  /** Called after every request. Default: none. */
  log?: (entry: LogEntry) => void
  /**
   * Called with one line, without secrets, for each internal error. Default: prints to standard
   * error.
   */
  report?: (line: string) => void
}

/** A unix socket. */
export interface SocketPlace {
  /** At most 103 bytes. */
  socketPath: string
  /** The mode of the socket. Default 0o600. Whoever may write to it may connect. */
  mode?: number
  /** The group of the socket, by its number. Default: the group of the process. */
  gid?: number
  /**
   * Whether requests at this socket need no token and may do everything, beside clients that need
   * one at other places. Default: only if the server has no clients.
   */
  operator?: boolean
}

/** A port. */
export interface PortPlace {
  /** 0 takes any free port. */
  port: number
  /** Default 127.0.0.1. */
  host?: string
}

/** A socket that is open already, such as systemd passes on. */
export interface InheritedPlace {
  /** The number of its file descriptor. */
  fd: number
  /** As for a unix socket; refused for a port. */
  operator?: boolean
}

/** Where a server listens. */
export type Where = SocketPlace | PortPlace | InheritedPlace

/** Whether the address is a unix socket. An undefined `socketPath` beside a port is none. */
export const isSocket = (where: Where): where is SocketPlace => 'socketPath' in where && where.socketPath !== undefined
export const isInherited = (where: Where): where is InheritedPlace => 'fd' in where && where.fd !== undefined
export const isPort = (where: Where): where is PortPlace => !isSocket(where) && !isInherited(where)

const DEFAULT_LIMITS: Required<Limits> = {
  connections: 10_000,
  polls: 10_000,
  streams: 100,
  body: 1_048_576,
  headersTimeout: 10,
  requestTimeout: 30,
  closeTimeout: 30,
}

/** The longest path of a unix socket that every system accepts. */
const MAX_SOCKET_PATH_BYTES = 103

const TLS: Rule = {
  test: (tls: ServerOptions['tls'] | null) => Boolean(tls?.cert && tls.key),
  rule: 'must be an object with cert and key, in PEM',
  isSecret: true,
}

const SERVER_RULES: Rules = {
  dog: {
    test: (dog: { status?: unknown } | null) => typeof dog?.status === 'function',
    rule: 'must be what createDog() returns',
  },
  // The client registry checks the entries.
  clients: { test: () => true, rule: '' },
  routes: {
    test: (routes: unknown) => Array.isArray(routes) || typeof routes === 'function',
    rule: 'must be a list or a function',
  },
  hosts: {
    test: (hosts: unknown) => Array.isArray(hosts) && hosts.every((host) => /^[\w.:-]+$/.test(host)),
    rule: 'must be a list of names or addresses, without ports',
  },
  behindProxy: BOOLEAN,
  tls: TLS,
  limits: OBJECT,
  log: FUNCTION,
  report: FUNCTION,
}

const LIMIT_RULES: Rules = Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((name) => [name, POSITIVE_NUMBER]))

const PORT: Rule = {
  test: (port: unknown) => Number.isInteger(port) && (port as number) >= 0 && (port as number) <= 65_535,
  rule: 'must be a whole number from 0 to 65535',
}

const WHERE_RULES: Rules = {
  socketPath: TEXT,
  port: PORT,
  host: { ...TEXT, rule: 'must be an address to listen at' },
  fd: { ...PORT, rule: 'must be the number of a file descriptor' },
  mode: {
    test: (mode: unknown) => Number.isInteger(mode) && (mode as number) >= 0 && (mode as number) <= 0o777,
    rule: 'must be a mode, such as 0o660',
  },
  gid: {
    ...PORT,
    test: (gid: unknown) => Number.isInteger(gid) && (gid as number) >= 0,
    rule: 'must be the number of a group',
  },
  operator: BOOLEAN,
}

/** @throws TypeError for the first option that is unknown or breaks its rule. */
export function checkServerOptions(options: ServerOptions): Required<Limits> {
  const { limits = {} } = checkOptions<ServerOptions>('createServer', options, SERVER_RULES)
  const checked = checkMembers<Limits>('limits', limits, LIMIT_RULES)
  const given = Object.fromEntries(Object.entries(checked).filter(([, value]) => value !== undefined))
  return { ...DEFAULT_LIMITS, ...given }
}

interface WhereOptions extends Partial<SocketPlace>, Partial<PortPlace> {
  fd?: number
}

/** @throws TypeError unless it names one place: `{ socketPath }`, `{ port, host }` or `{ fd }`. */
export function checkWhere(where: Where): void {
  const { socketPath, port, host, fd, mode, gid, operator } = checkOptions<WhereOptions>('listen', where, WHERE_RULES)
  if (socketPath === undefined && (mode ?? gid) !== undefined) throw new TypeError('listen: mode and gid need a socketPath')
  if (fd !== undefined) {
    if ((socketPath ?? port ?? host) !== undefined) throw new TypeError('listen: fd excludes socketPath, port and host')
    return
  }
  if (socketPath === undefined) {
    checkValue('port', port, required(PORT))
    if (operator === true)
      throw new TypeError('listen: operator needs a socketPath: every user of the machine can reach a port')
    return
  }
  if (port !== undefined || host !== undefined) throw new TypeError('listen: socketPath excludes port and host')
  const size = Buffer.byteLength(socketPath)
  if (size > MAX_SOCKET_PATH_BYTES) {
    throw new TypeError(`socketPath must have at most ${MAX_SOCKET_PATH_BYTES} bytes; got ${size}`)
  }
}

/** @throws TypeError for a wrong certificate or key. */
export const checkTls = (tls: ServerOptions['tls']): void => checkValue('tls', tls, required(TLS))
