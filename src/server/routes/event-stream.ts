import type { ServerResponse } from 'node:http'
import type { Client } from '../http/client.js'
import { Problem, publicMessage } from '../http/problem.js'
import type { Visit } from '../http/request-context.js'
import type { Route } from '../http/route.js'
import { EVENTS, type Hub, type Told } from './event-hub.js'

/** `GET /v1/events`: what happens to the keys, as it happens; never a value. */

/** Milliseconds between two signs of life, which proxies and clients need. */
const HEARTBEAT = 15_000
/** A consumer with so many unread bytes is dropped. */
const BUFFER = 256 * 1024

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-accel-buffering': 'no',
}

interface Stream {
  client: Client
  response: ServerResponse
}

export class Streams {
  readonly #streams = new Set<Stream>()
  #heartbeat: NodeJS.Timeout | undefined

  constructor(
    hub: Hub,
    readonly limit: number,
  ) {
    hub.hear((told) => this.#tell(told))
  }

  get open(): number {
    return this.#streams.size
  }

  readonly route: Route = {
    ...{ method: 'GET', path: '/v1/events', name: 'events', auth: 'bearer' },
    handle: (exchange) => this.#follow(exchange as Visit),
  }

  async #follow(visit: Visit): Promise<void> {
    const { response, request } = visit
    if (this.#streams.size >= this.limit) {
      throw new Problem(503, 'too_many_streams', 'Too many event streams are open', { retryAfter: 15 })
    }
    response.writeHead(200, HEADERS)
    if (request.method === 'HEAD') return void response.end()
    const stream = { client: visit.client!, response }
    this.#streams.add(stream)
    this.#heartbeat ??= setInterval(() => this.#write(() => ': alive\n\n'), HEARTBEAT).unref()
    response.write(': dotdog\n\n')
    await new Promise<void>((resolve) => {
      visit.onEnd(() => {
        this.#streams.delete(stream)
        if (this.#streams.size === 0) {
          clearInterval(this.#heartbeat)
          this.#heartbeat = undefined
        }
        response.end()
        resolve()
      })
    })
  }

  #tell({ event, payload }: Told): void {
    if (this.#streams.size === 0 || !EVENTS.includes(event)) return
    const { key } = payload
    const shown = event === 'warning' ? { ...payload, message: publicMessage(payload.code, payload.message) } : payload
    const text = `event: ${event}\ndata: ${JSON.stringify(shown)}\n\n`
    // A warning of no key tells of the server itself.
    if (key !== undefined) this.#write((client) => (client.mayRead(key) ? text : undefined))
  }

  #write(textFor: (client: Client) => string | undefined): void {
    for (const { client, response } of this.#streams) {
      const text = textFor(client)
      if (text === undefined) continue
      if (response.writableLength > BUFFER) response.destroy()
      else response.write(text)
    }
  }
}
