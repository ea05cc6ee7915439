import { createSecureContext } from 'node:tls'
import * as defaultDog from 'dotdog'
import { Authenticator, unauthorized } from './auth/authenticator.js'
import { ClientRegistry, LOCAL_CLIENT } from './auth/client-registry.js'
import { createHandler, type HandlerParts, shuttingDown } from './handler.js'
import type { Client, ClientConfig } from './http/client.js'
import { HostCheck, isLoopback } from './http/host-check.js'
import type { ActiveRequests, RequestContext, ServerRoute } from './http/request-context.js'
import { createRouter } from './http/router.js'
import { type Listener, listen, type TlsPair } from './listener.js'
import {
  checkServerOptions,
  checkTls,
  checkWhere,
  type InheritedPlace,
  isInherited,
  isPort,
  isSocket,
  type ServerOptions,
  type Where,
} from './options.js'
import { EventHub } from './routes/event-hub.js'
import { EventStreams } from './routes/event-streams.js'
import { healthRoutes } from './routes/health.js'
import { keyRoutes } from './routes/keys.js'
import { LongPolls } from './routes/long-polls.js'
import { Metrics } from './routes/metrics.js'
import { ValueCache } from './routes/value-cache.js'

export interface DogServer {
  /**
   * Listens. Without `host` it listens on the loopback only. A second call listens at a second
   * place, such as a unix socket for the operator beside a port for clients.
   *
   * @returns the address: `http://127.0.0.1:8080`, or `unix:/run/dotdog.sock`.
   * @throws TypeError on TCP without clients, and beyond the loopback without `tls` or
   * `behindProxy`.
   * @example
   * await server.listen({ port: 8080 })
   * await server.listen({ socketPath: '/run/dotdog/dotdog.sock', mode: 0o660, operator: true })
   * @throws Error with `code` `EADDRINUSE` if a live server listens there already.
   */
  listen(where: Where): Promise<string>
  /**
   * Replaces the clients. Open polls and streams of a client end if it was removed or its entry
   * changed.
   *
   * @throws TypeError for a wrong entry, and if the server was started without clients. The old
   * clients stay.
   */
  setClients(clients: readonly ClientConfig[]): void
  /**
   * Uses another certificate for new connections. Open ones stay.
   *
   * @throws TypeError if the certificate and its key do not fit, and if the server was started
   * without `tls`. The old certificate stays.
   */
  setTls(tls: { cert: string | Buffer; key: string | Buffer }): Promise<void>
  /**
   * Accepts no more requests, ends long polls and event streams, and waits for the requests under
   * way, at most `limits.closeTimeout` seconds. Leaves the dog open.
   */
  close(): Promise<void>
}

/**
 * Serves the keys of a dog over HTTP: one process owns the fetchers, others read values, wait for
 * new ones, and report dead ones.
 *
 * @throws TypeError for a wrong option.
 * @example
 * const { createServer } = require('dotdog/server')
 *
 * const server = createServer({ clients: [{ name: 'shop', tokenSha256: '9f86d0…', keys: ['WX_*'], refresh: true }] })
 * await server.listen({ socketPath: '/run/dotdog/dotdog.sock' })
 */
export function createServer(options: ServerOptions = {}): DogServer {
  const limits = checkServerOptions(options)
  const { dog = defaultDog, hosts = [], behindProxy = false, tls, log } = options
  const { report = (line: string) => console.error(line) } = options

  const active: ActiveRequests = {
    contexts: new Set(),
    reasonToEnd({ client }) {
      if (closing !== undefined) return shuttingDown()
      return client !== undefined && !registry.has(client) ? unauthorized() : undefined
    },
  }
  const endInvalidRequests = () => {
    for (const context of active.contexts) {
      const problem = active.reasonToEnd(context)
      if (problem !== undefined) context.end(problem)
    }
  }
  const registry = new ClientRegistry(options.clients, endInvalidRequests)
  const hub = new EventHub(dog)
  const values = new ValueCache(dog, hub)
  const polls = new LongPolls(values, hub, limits.polls)
  const streams = new EventStreams(hub, limits.streams)
  const metrics = new Metrics(hub)
  const authenticator = new Authenticator(registry, behindProxy, (reason) => metrics.countAuthFailure(reason))
  /** One for each place. A failed one is removed. */
  const listeners = new Set<Promise<Listener>>()
  let currentTls = tls
  let closing: Promise<void> | undefined

  /** Health is for everybody. A token that is sent must be valid all the same. */
  function clientOf(context: RequestContext): Client | undefined {
    const { client, request } = context
    if (client !== undefined || request.headers.authorization === undefined) return client
    return authenticator.authenticate(request)
  }

  const ownRoutes =
    typeof options.routes === 'function'
      ? options.routes(registry, (request) => authenticator.recordFailure(request))
      : (options.routes ?? [])
  const routes: ServerRoute[] = [
    ...keyRoutes({ dog, values, polls, maxBodyBytes: limits.body }),
    streams.route,
    ...healthRoutes({
      ...{ values, clientOf },
      assertOpen() {
        if (closing !== undefined) throw shuttingDown()
      },
    }),
    metrics.route(values, () => ({ polls: polls.open, streams: streams.open })),
    ...ownRoutes,
  ]

  async function start(where: Where): Promise<Listener> {
    const names = [...hosts, ...(isPort(where) && where.host !== undefined ? [where.host] : [])]
    const isOperator = !isPort(where) && (where.operator ?? registry.isOpen)
    const parts: HandlerParts = {
      findRoute: await createRouter(routes),
      authenticator,
      operator: isOperator ? LOCAL_CLIENT : undefined,
      metrics,
      hostCheck: isSocket(where) ? undefined : new HostCheck(names),
      active,
      isClosing: () => closing !== undefined,
      log,
      report,
    }
    const started = await listen(createHandler(parts), where, { tls: currentTls, report }, limits)
    // No browser can reach a unix socket.
    if (started.host === undefined) parts.hostCheck = undefined
    if (isInherited(where) && started.host !== undefined) await assertInheritedIsSafe(where, started, started.host)
    hub.start()
    return started
  }

  async function finish(): Promise<void> {
    const started = await Promise.all([...listeners].map((listener) => listener.catch(() => undefined)))
    const closed = started.map((one) => one?.close(limits.closeTimeout))
    endInvalidRequests()
    await Promise.all(closed)
    hub.stop()
    registry.close()
  }

  /** What a port is was known to the one who opened it, and is checked when it is ours. */
  async function assertInheritedIsSafe({ operator }: InheritedPlace, started: Listener, host: string): Promise<void> {
    try {
      if (operator === true)
        throw new TypeError('listen: operator needs a unix socket: every user of the machine can reach a port')
      if (currentTls !== undefined)
        throw new TypeError('listen: an inherited port has no TLS; let the server open the port itself')
      checkIsSafe({ port: 0, host })
    } catch (error) {
      await started.close(0)
      throw error
    }
  }

  /** Refuses to send tokens and values where others on the machine or the network can read them. */
  function checkIsSafe(where: Where): void {
    if (!isPort(where)) return
    const { host = '127.0.0.1' } = where
    if (registry.isOpen) {
      throw new TypeError('clients must be given to listen on TCP: every user of the machine can reach a port')
    }
    if (isLoopback(host) || currentTls !== undefined || behindProxy) return
    throw new TypeError(`tls or behindProxy must be given to listen at ${host}: tokens and values would travel in plain text`)
  }

  return {
    async listen(where) {
      checkWhere(where)
      if (closing !== undefined) throw new TypeError('listen: the server is closed')
      checkIsSafe(where)
      const listener = start(where)
      listeners.add(listener)
      try {
        return (await listener).address
      } catch (error) {
        listeners.delete(listener)
        throw error
      }
    },
    setClients(clients) {
      if (registry.isOpen && listeners.size > 0) {
        throw new TypeError('setClients: the server was started without clients')
      }
      registry.replace(clients)
    },
    async setTls(pair) {
      checkTls(pair)
      if (currentTls === undefined) throw new TypeError('setTls: the server was started without tls')
      assertPairs(pair)
      currentTls = pair
      for (const listener of listeners) (await listener.catch(() => undefined))?.setTls(pair)
    },
    close() {
      closing ??= finish()
      return closing
    },
  }
}

/** @throws TypeError if the certificate and the key do not belong together, or cannot be read. */
function assertPairs(pair: TlsPair): void {
  try {
    createSecureContext(pair)
  } catch (error) {
    // The text is about the format, and holds nothing of the key.
    throw new TypeError(`tls: the certificate and its key do not fit (${(error as Error).message})`)
  }
}
