import type { ServerResponse } from 'node:http'
import type { DogEvents } from 'dotdog'
import type { Client } from '../http/client.js'
import { isPublic, Problem, publicMessage } from '../http/problem.js'
import type { RequestContext, ServerRoute } from '../http/request-context.js'
import type { EventHub, HubEvent } from './event-hub.js'

/** Proxies and clients need a sign of life at this interval. */
const HEARTBEAT_INTERVAL_MS = 15_000
/** A client with more unread bytes than this is disconnected. */
const MAX_UNREAD_BYTES = 256 * 1024
const RETRY_AFTER_S = 15

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-accel-buffering': 'no',
}

interface EventStream {
  client: Client
  response: ServerResponse
}

/**
 * `GET /v1/events`: sends each client the events of the keys it may read, as they happen. An event
 * never holds a value.
 */
export class EventStreams {
  readonly #streams = new Set<EventStream>()
  #heartbeat: NodeJS.Timeout | undefined

  constructor(
    hub: EventHub,
    readonly maxStreams: number,
  ) {
    hub.subscribe((event) => this.#broadcast(event))
  }

  /** How many streams are open. */
  get open(): number {
    return this.#streams.size
  }

  readonly route: ServerRoute = {
    method: 'GET',
    path: '/v1/events',
    name: 'events',
    auth: 'bearer',
    handle: (context) => this.#serve(context),
  }

  async #serve(context: RequestContext): Promise<void> {
    const { response, request } = context
    if (this.#streams.size >= this.maxStreams) {
      throw new Problem(503, 'too_many_streams', 'Too many event streams are open', { retryAfter: RETRY_AFTER_S })
    }
    response.writeHead(200, HEADERS)
    if (request.method === 'HEAD') return void response.end()
    const stream = { client: context.client!, response }
    this.#streams.add(stream)
    this.#heartbeat ??= setInterval(() => this.#writeToEach(() => ': alive\n\n'), HEARTBEAT_INTERVAL_MS).unref()
    response.write(': dotdog\n\n')
    await new Promise<void>((resolve) => {
      context.onEnd(() => {
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

  #broadcast({ event, payload }: HubEvent): void {
    // A warning without a key is about the server itself.
    if (this.#streams.size === 0 || payload.key === undefined) return
    const { key } = payload
    const shown = 'message' in payload ? publicPayload(payload) : payload
    const text = `event: ${event}\ndata: ${JSON.stringify(shown)}\n\n`
    this.#writeToEach((client) => (client.mayRead(key) ? text : undefined))
  }

  #writeToEach(textFor: (client: Client) => string | undefined): void {
    for (const { client, response } of this.#streams) {
      const text = textFor(client)
      if (text === undefined) continue
      if (response.writableLength > MAX_UNREAD_BYTES) response.destroy()
      else response.write(text)
    }
  }
}

/** What a client may read of a warning or a failure. */
function publicPayload(payload: DogEvents['failure' | 'warning']): object {
  const { code, message } = payload
  return { ...payload, message: publicMessage(code, message), ...(isPublic(code) ? {} : { details: undefined }) }
}
