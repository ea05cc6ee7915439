import { createServer, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { RequestHandler } from './handler.js'
import { Connections } from './http/connections.js'
import { Problem } from './http/problem.js'
import { sendProblem } from './http/respond.js'
import { listenAtSocket } from './http/unix-socket.js'
import { isSocket, type Limits, type ServerOptions, type Where } from './options.js'

/** The socket of the server: where it listens, and which connections it cuts. */

export interface Listener {
  /** `http://127.0.0.1:8080`, or `unix:/run/dotdog.sock`. */
  readonly address: string
  /** Accepts no new connections, and waits up to `timeoutS` seconds for the requests under way. */
  close(timeoutS: number): Promise<void>
}

/**
 * A connection without traffic for this long is cut, unless the server owes it an answer: a fetch
 * may take longer.
 */
const IDLE_TIMEOUT_S = 120
const KEEP_ALIVE_TIMEOUT_MS = 30_000
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
  const isTcp = !isSocket(where)
  const isTls = isTcp && tls !== undefined
  const server: Server = isTls
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

  if (isTcp) await listenAtPort(server, where.port, where.host ?? '127.0.0.1')
  else await listenAtSocket(server, where.socketPath)
  server.on('error', (error) => report(`dotdog: the listening socket failed: ${error.message}`))

  return {
    address: isTcp ? addressOf(server, where.host ?? '127.0.0.1', isTls) : `unix:${where.socketPath}`,
    close: (timeoutS) => connections.close(timeoutS),
  }
}

function refusePipelined(response: ServerResponse): void {
  response.setHeader('Connection', 'close')
  const detail = 'Too many requests wait on this connection'
  sendProblem(response, new Problem(503, 'too_many_requests', detail, { retryAfter: 1 }))
}

const listenAtPort = (server: Server, port: number, host: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host }, () => {
      server.off('error', reject)
      resolve()
    })
  })

function addressOf(server: Server, host: string, isTls: boolean): string {
  const { port } = server.address() as AddressInfo
  return `http${isTls ? 's' : ''}://${host.includes(':') ? `[${host}]` : host}:${port}`
}
