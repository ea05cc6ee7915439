import * as defaultDog from 'dotdog'
import { Gate, unauthorized } from './auth/authenticator.js'
import { Roster } from './auth/client-registry.js'
import { createHandler, shuttingDown } from './handler.js'
import type { ClientConfig } from './http/client.js'
import { HostCheck, isLoopback } from './http/host-check.js'
import type { Visit } from './http/request-context.js'
import { sendJson } from './http/respond.js'
import type { Route } from './http/route.js'
import { createRouter } from './http/router.js'
import { type Listening, listen } from './listener.js'
import { checkOptions, checkWhere, type ServerOptions, type Where } from './options.js'
import { Hub } from './routes/event-hub.js'
import { Streams } from './routes/event-stream.js'
import { keyRoutes } from './routes/keys.js'
import { Polls } from './routes/long-polls.js'
import { Metrics } from './routes/metrics.js'
import { Values } from './routes/value-cache.js'

export interface DogServer {
  /**
   * Listens, once. Without `host`, on the loopback only.
   *
   * @returns the address: `http://127.0.0.1:8080`, or `unix:/run/dotdog.sock`.
   * @throws TypeError on TCP without clients, and beyond the loopback without `tls` or `behindProxy`.
   * @throws Error with `code` `EADDRINUSE` if somebody is there already.
   */
  listen(where: Where): Promise<string>
  /** The clients from now on. What a client holds open ends, if it is no longer one or its rights are others. */
  setClients(clients: readonly ClientConfig[]): void
  /** Accepts nobody any more, ends long polls and event streams, and waits for the requests under way. Leaves the dog open. */
  close(): Promise<void>
}

/**
 * Serves the keys of a dog over HTTP: one process owns the fetchers, others read, wait and report.
 *
 * @throws TypeError for a wrong option.
 * @example
 * const { createServer } = require('dotdog/server')
 *
 * const server = createServer({ clients: [{ name: 'shop', tokenSha256: '9f86d0…', keys: ['WX_*'], refresh: true }] })
 * await server.listen({ socketPath: '/run/dotdog/dotdog.sock' })
 */
export function createServer(options: ServerOptions = {}): DogServer {
  const limits = checkOptions(options)
  const { dog = defaultDog, hosts = [], behindProxy = false, tls, log } = options
  const { report = (line: string) => console.error(line) } = options
  const visits = new Set<Visit>()
  const verdict = ({ client }: Visit) =>
    closing !== undefined ? shuttingDown() : client !== undefined && !roster.has(client) ? unauthorized() : undefined
  const endVisits = () => {
    for (const visit of visits) {
      const problem = verdict(visit)
      if (problem !== undefined) visit.end(problem)
    }
  }
  const roster = new Roster(options.clients, endVisits)
  const hub = new Hub(dog)
  const values = new Values(dog, hub)
  const polls = new Polls(values, hub, limits.polls)
  const streams = new Streams(hub, limits.streams)
  const metrics = new Metrics(hub)
  const gate = new Gate(roster, behindProxy, (reason) => metrics.refused(reason))
  let listening: Promise<Listening> | undefined
  let closing: Promise<void> | undefined

  const health: Route = {
    ...{ method: 'GET', path: '/healthz', name: 'health', auth: 'none' },
    async handle({ response }) {
      if (closing !== undefined) throw shuttingDown()
      sendJson(response, { status: 'ok' })
    },
  }
  const routes: Route[] = [
    ...keyRoutes({ dog, values, polls, bodyLimit: limits.body }),
    ...[streams.route, health, metrics.route(values, () => ({ polls: polls.open, streams: streams.open }))],
    ...(typeof options.routes === 'function'
      ? options.routes(roster, (request) => gate.refused(request))
      : (options.routes ?? [])),
  ]

  async function start(where: Where): Promise<Listening> {
    const isTcp = !('socketPath' in where)
    const names = [...hosts, ...(isTcp && where.host !== undefined ? [where.host] : [])]
    const find = await createRouter(routes)
    const shared = { find, gate, metrics, lobby: { visits, verdict }, log, report, isClosing: () => closing !== undefined }
    const handle = createHandler({ ...shared, hosts: isTcp ? new HostCheck(names) : undefined })
    const started = await listen(handle, where, { tls, report }, limits)
    hub.start()
    return started
  }

  async function finish(): Promise<void> {
    const started = await listening?.catch(() => undefined)
    const closed = started?.close(limits.closeTimeout)
    endVisits()
    await closed
    hub.stop()
    roster.close()
  }

  return {
    async listen(where) {
      checkWhere(where)
      if (listening !== undefined || closing !== undefined) throw new TypeError('listen: a server listens once')
      if (!('socketPath' in where)) {
        const { host = '127.0.0.1' } = where
        if (roster.isOpen)
          throw new TypeError('clients must be given to listen on TCP: everybody on the machine gets at a port')
        if (!isLoopback(host) && tls === undefined && !behindProxy) {
          throw new TypeError(
            `tls or behindProxy must be given to listen at ${host}: tokens and values would travel in plain text`,
          )
        }
      }
      listening = start(where)
      listening.catch(() => (listening = undefined))
      return (await listening).address
    },
    setClients(clients) {
      if (roster.isOpen && listening !== undefined) throw new TypeError('setClients: the server was started without clients')
      roster.replace(clients)
    },
    close() {
      closing ??= finish()
      return closing
    },
  }
}
