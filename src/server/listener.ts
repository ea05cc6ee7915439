import { createServer, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Handle } from './handler.js'
import { Connections } from './http/connections.js'
import { Problem } from './http/problem.js'
import { sendProblem } from './http/respond.js'
import { listenAtSocket } from './http/unix-socket.js'
import type { Limits, ServerOptions, Where } from './options.js'

/** The server on a socket: where it listens, and how long it bears with slow clients. */

export interface Listening {
  /** `http://127.0.0.1:8080`, or `unix:/run/dotdog.sock`. */
  readonly address: string
  /** No new connections; waits for the requests under way, at most so many seconds. */
  close(seconds: number): Promise<void>
}

/** Seconds in which nothing moves on a connection, unless it is we who have to answer: a fetch may take longer. */
const STILL = 120

export async function listen(
  handle: Handle,
  where: Where,
  { tls, report }: Pick<ServerOptions, 'tls'> & { report(line: string): void },
  limits: Required<Limits>,
  still = STILL,
): Promise<Listening> {
  const shortest = Math.min(limits.headersTimeout, limits.requestTimeout) * 1000
  const options = {
    maxHeaderSize: 16_384,
    headersTimeout: limits.headersTimeout * 1000,
    requestTimeout: limits.requestTimeout * 1000,
    connectionsCheckingInterval: Math.min(5000, Math.max(100, shortest / 2)),
    keepAliveTimeout: 30_000,
  }
  const isTcp = !('socketPath' in where)
  const isTls = isTcp && tls !== undefined
  const server: Server = isTls
    ? createTlsServer({ ...options, ...tls, handshakeTimeout: options.headersTimeout })
    : createServer(options)
  const connections = new Connections(server, isTls)
  server.on('request', (request, response) => {
    if (connections.asked(request.socket, response)) refuse(response)
    else handle(request, response)
  })
  server.maxConnections = limits.connections
  server.maxHeadersCount = 100
  // Who does not read its answer is cut, too.
  server.setTimeout(still * 1000, (socket: Socket) => {
    if (!connections.isOurTurn(socket)) socket.destroy()
  })

  if (isTcp) await listenAtPort(server, where.port, where.host ?? '127.0.0.1')
  else await listenAtSocket(server, where.socketPath)
  server.on('error', (error) => report(`dotdog: the socket is in trouble: ${error.message}`))

  return {
    address: isTcp ? addressOf(server, where.host ?? '127.0.0.1', isTls) : `unix:${where.socketPath}`,
    close: (seconds) => connections.close(seconds),
  }
}

function refuse(response: ServerResponse): void {
  response.setHeader('Connection', 'close')
  sendProblem(response, new Problem(503, 'too_many_requests', 'Too many requests wait on this connection', { retryAfter: 1 }))
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
