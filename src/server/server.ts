import * as defaultDog from 'dotdog'
import { Authenticator, unauthorized } from './auth/authenticator.js'
import { ClientRegistry } from './auth/client-registry.js'
import { createHandler, shuttingDown } from './handler.js'
import type { ClientConfig } from './http/client.js'
import { HostCheck, isLoopback } from './http/host-check.js'
import type { ActiveRequests, ServerRoute } from './http/request-context.js'
import { sendJson } from './http/respond.js'
import { createRouter } from './http/router.js'
import { type Listener, listen } from './listener.js'
import { checkServerOptions, checkWhere, isSocket, type ServerOptions, type Where } from './options.js'
import { EventHub } from './routes/event-hub.js'
import { EventStreams } from './routes/event-streams.js'
import { keyRoutes } from './routes/keys.js'
import { LongPolls } from './routes/long-polls.js'
import { Metrics } from './routes/metrics.js'
import { ValueCache } from './routes/value-cache.js'

export interface DogServer {
  /**
   * Listens. A server listens once. Without `host` it listens on the loopback only.
   *
   * @returns the address: `http://127.0.0.1:8080`, or `unix:/run/dotdog.sock`.
   * @throws TypeError on TCP without clients, and beyond the loopback without `tls` or
   * `behindProxy`.
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
  let listener: Promise<Listener> | undefined
  let closing: Promise<void> | undefined

  const health: ServerRoute = {
    method: 'GET',
    path: '/healthz',
    name: 'health',
    auth: 'none',
    async handle({ response }) {
      if (closing !== undefined) throw shuttingDown()
      sendJson(response, { status: 'ok' })
    },
  }
  const ownRoutes =
    typeof options.routes === 'function'
      ? options.routes(registry, (request) => authenticator.recordFailure(request))
      : (options.routes ?? [])
  const routes: ServerRoute[] = [
    ...keyRoutes({ dog, values, polls, maxBodyBytes: limits.body }),
    streams.route,
    health,
    metrics.route(values, () => ({ polls: polls.open, streams: streams.open })),
    ...ownRoutes,
  ]

  async function start(where: Where): Promise<Listener> {
    const isTcp = !isSocket(where)
    const names = [...hosts, ...(isTcp && where.host !== undefined ? [where.host] : [])]
    const handle = createHandler({
      findRoute: await createRouter(routes),
      authenticator,
      metrics,
      hostCheck: isTcp ? new HostCheck(names) : undefined,
      active,
      isClosing: () => closing !== undefined,
      log,
      report,
    })
    const started = await listen(handle, where, { tls, report }, limits)
    hub.start()
    return started
  }

  async function finish(): Promise<void> {
    const started = await listener?.catch(() => undefined)
    const closed = started?.close(limits.closeTimeout)
    endInvalidRequests()
    await closed
    hub.stop()
    registry.close()
  }

  /** Refuses to send tokens and values where others on the machine or the network can read them. */
  function checkIsSafe(where: Where): void {
    if (isSocket(where)) return
    const { host = '127.0.0.1' } = where
    if (registry.isOpen) {
      throw new TypeError('clients must be given to listen on TCP: every user of the machine can reach a port')
    }
    if (isLoopback(host) || tls !== undefined || behindProxy) return
    throw new TypeError(`tls or behindProxy must be given to listen at ${host}: tokens and values would travel in plain text`)
  }

  return {
    async listen(where) {
      checkWhere(where)
      if (listener !== undefined || closing !== undefined) throw new TypeError('listen: a server listens once')
      checkIsSafe(where)
      listener = start(where)
      listener.catch(() => (listener = undefined))
      return (await listener).address
    },
    setClients(clients) {
      if (registry.isOpen && listener !== undefined) {
        throw new TypeError('setClients: the server was started without clients')
      }
      registry.replace(clients)
    },
    close() {
      closing ??= finish()
      return closing
    },
  }
}
