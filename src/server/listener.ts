import { createServer, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { ListenOptions, Socket } from 'node:net'
import type { RequestHandler } from './handler.js'
import { Connections } from './http/connections.js'
import { Problem } from './http/problem.js'
import { sendProblem } from './http/respond.js'
import { listenAtSocket } from './http/unix-socket.js'
import { type InheritedPlace, isInherited, isPort, isSocket, type Limits, type ServerOptions, type Where } from './options.js'

/** A socket of the server: where it listens, and which connections it cuts. */

export interface Listener {
  /** `http://127.0.0.1:8080`, `unix:/run/dotdog.sock`, or `unix:fd:3` for one that was inherited. */
  readonly address: string
  /** The address of a port; undefined for a unix socket. */
  readonly host: string | undefined
  /** Uses another certificate for new connections. */
  setTls(tls: TlsPair): void
  /** Accepts no new connections, and waits up to `timeoutS` seconds for the requests under way. */
  close(timeoutS: number): Promise<void>
}

export type TlsPair = NonNullable<ServerOptions['tls']>

/**
 * A connection without traffic for this long is cut, unless the server owes it an answer: a fetch
 * may take longer.
 */
const IDLE_TIMEOUT_S = 120
const KEEP_ALIVE_TIMEOUT_MS = 30_000
const LOOPBACK = '127.0.0.1'
const MAX_HEADER_BYTES = 16_384
const MAX_HEADERS = 100

export async function listen(
  handle: RequestHandler,
  where: Where,
  { tls, report }: Pick<ServerOptions, 'tls'> & { report(line: string): void },
  limits: Required<Limits>,
  idleTimeoutS = IDLE_TIMEOUT_S,
): Promise<Listener> {
  const shortestTimeoutMs = Math.min(limits.headersTimeout, limits.requestTimeout) * 1000
  const options = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: limits.headersTimeout * 1000,
    requestTimeout: limits.requestTimeout * 1000,
    connectionsCheckingInterval: Math.min(5000, Math.max(100, shortestTimeoutMs / 2)),
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  }
  const isTls = isPort(where) && tls !== undefined
  const server: Server | TlsServer = isTls
    ? createTlsServer({ ...options, ...tls, handshakeTimeout: options.headersTimeout })
    : createServer(options)
  const connections = new Connections(server, isTls)
  server.on('request', (request, response) => {
    if (connections.addResponse(request.socket, response)) handle(request, response)
    else refusePipelined(response)
  })
  server.maxConnections = limits.connections
  server.maxHeadersCount = MAX_HEADERS
  // Also cuts a client that does not read its answer.
  server.setTimeout(idleTimeoutS * 1000, (socket: Socket) => {
    if (!connections.owesAnswer(socket)) socket.destroy()
  })

  try {
    if (isSocket(where)) await listenAtSocket(server, where.socketPath, where)
    else if (isInherited(where)) await listenAt(server, { fd: where.fd })
    else await listenAt(server, { port: where.port, host: where.host ?? LOOPBACK })
  } catch (error) {
    server.close()
    throw error
  }
  server.on('error', (error) => report(`dotdog: the listening socket failed: ${error.message}`))

  return {
    ...addressOf(server, where, isTls),
    setTls(pair) {
      if (isTls) (server as TlsServer).setSecureContext(pair)
    },
    close: (timeoutS) => connections.close(timeoutS),
  }
}

function refusePipelined(response: ServerResponse): void {
  response.setHeader('Connection', 'close')
  const detail = 'Too many requests wait on this connection'
  sendProblem(response, new Problem(503, 'too_many_requests', detail, { retryAfter: 1 }))
}

const listenAt = (server: Server, place: ListenOptions | { fd: number }): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(place, () => {
      server.off('error', reject)
      resolve()
    })
  })

function addressOf(server: Server, where: Where, isTls: boolean): Pick<Listener, 'address' | 'host'> {
  if (isSocket(where)) return { address: `unix:${where.socketPath}`, host: undefined }
  const bound = server.address()
  // Node knows no address of a unix socket that it did not bind itself.
  if (bound === null || typeof bound === 'string')
    return { address: `unix:fd:${(where as InheritedPlace).fd}`, host: undefined }
  const host = isInherited(where) ? bound.address : (where.host ?? LOOPBACK)
  return { address: `http${isTls ? 's' : ''}://${host.includes(':') ? `[${host}]` : host}:${bound.port}`, host }
}
