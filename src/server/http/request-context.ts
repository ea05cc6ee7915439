import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Client } from './client.js'
import { whenGone } from './disconnect.js'
import { Problem } from './problem.js'
import type { Exchange } from './route.js'

/** Where visits are that stay: they end when the server closes, or their client is no longer one. */
export interface Lobby {
  readonly visits: Set<Visit>
  /** Why it must not stay, if so. */
  verdict(visit: Visit): Problem | undefined
}

/** One request, from its arrival to the end of its answer. Most are over at once: what only long ones need is made late. */
export class Visit implements Exchange {
  client: Client | undefined
  #query: URLSearchParams | undefined
  #aborter: AbortController | undefined
  #onEnd: ((problem: Problem | undefined) => void) | undefined
  #unhear: (() => void) | undefined

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    /** Known when the route is. */
    public params: Record<string, string | undefined>,
    readonly rawQuery: string,
    readonly lobby: Lobby,
  ) {}

  get query(): URLSearchParams {
    return (this.#query ??= new URLSearchParams(this.rawQuery))
  }

  /** The only value of a parameter. */
  parameter(name: string): string | undefined {
    const all = this.query.getAll(name)
    if (all.length > 1) throw new Problem(400, 'bad_query', `"${name}" is given more than once`)
    return all[0]
  }

  get signal(): AbortSignal {
    this.#aborter ??= new AbortController()
    this.#stay()
    return this.#aborter.signal
  }

  /** Calls back once if this has to end early; without a problem, the client went away. */
  onEnd(callback: (problem: Problem | undefined) => void): void {
    this.#onEnd = callback
    this.#stay()
  }

  end(problem?: Problem): void {
    this.lobby.visits.delete(this)
    this.#unhear?.()
    const callback = this.#onEnd
    this.#onEnd = undefined
    callback?.(problem)
    this.#aborter?.abort(problem)
  }

  #stay(): void {
    const { request, response, lobby } = this
    if (lobby.visits.has(this)) return
    lobby.visits.add(this)
    // What happened while the handler was at something else is not missed.
    const problem = lobby.verdict(this)
    if (problem !== undefined || response.closed || response.destroyed) queueMicrotask(() => this.end(problem))
    else this.#unhear = whenGone(request, response, () => this.end())
  }
}
