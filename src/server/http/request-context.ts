import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Client } from './client.js'
import { Problem } from './problem.js'
import type { Exchange, LogDetails, Route } from './route.js'

/**
 * The requests that last: polls, streams, and handlers that use their signal. They end when the
 * server closes, or when their client loses its rights.
 */
export interface ActiveRequests {
  readonly contexts: Set<RequestContext>
  /** Why a request must end now, or `undefined` if it may go on. */
  reasonToEnd(context: RequestContext): Problem | undefined
}

/** A route of the server itself. A {@link Route} of a user, which needs less, is one as well. */
export type ServerRoute = Route<RequestContext>

/**
 * One request, from its arrival to the end of its answer. Most requests end at once, so what only
 * long ones need is created when it is first used.
 */
export class RequestContext implements Exchange {
  client: Client | undefined
  #logDetails: LogDetails | undefined
  #query: URLSearchParams | undefined
  #abortController: AbortController | undefined
  #onEnd: ((problem: Problem | undefined) => void) | undefined
  #stopListening: (() => void) | undefined

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    /** Set when the route is known. */
    public params: Record<string, string | undefined>,
    readonly rawQuery: string,
    readonly active: ActiveRequests,
  ) {}

  get logDetails(): LogDetails {
    return (this.#logDetails ??= {})
  }

  get query(): URLSearchParams {
    return (this.#query ??= new URLSearchParams(this.rawQuery))
  }

  /** @throws Problem (400) if the parameter is given more than once. */
  parameter(name: string): string | undefined {
    const values = this.query.getAll(name)
    if (values.length > 1) throw new Problem(400, 'bad_query', `"${name}" is given more than once`)
    return values[0]
  }

  get signal(): AbortSignal {
    this.#abortController ??= new AbortController()
    this.#activate()
    return this.#abortController.signal
  }

  /** Calls back once if the request must end early. Without a problem, the client disconnected. */
  onEnd(callback: (problem: Problem | undefined) => void): void {
    this.#onEnd = callback
    this.#activate()
  }

  end(problem?: Problem): void {
    this.active.contexts.delete(this)
    this.#stopListening?.()
    const callback = this.#onEnd
    this.#onEnd = undefined
    callback?.(problem)
    this.#abortController?.abort(problem)
  }

  #activate(): void {
    const { request, response, active } = this
    if (active.contexts.has(this)) return
    active.contexts.add(this)
    // The reason may have arisen while the handler did something else.
    const problem = active.reasonToEnd(this)
    if (problem !== undefined || response.closed || response.destroyed) queueMicrotask(() => this.end(problem))
    else this.#stopListening = onDisconnect(request, response, () => this.end())
  }
}

/**
 * Calls back once the response was sent or the client disconnected. Returns a function that stops
 * listening. Listens to the connection too, because a response that is pipelined behind another
 * one does not emit `close`.
 */
export function onDisconnect(request: IncomingMessage, response: ServerResponse, callback: () => void): () => void {
  const { socket } = request
  response.once('close', callback)
  socket.once('close', callback)
  return () => {
    response.off('close', callback)
    socket.off('close', callback)
  }
}
