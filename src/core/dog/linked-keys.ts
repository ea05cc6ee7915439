import type { KeyResolver } from '../fetch/fetch-events.js'
import type { KeyHandle } from '../key/key-handle.js'
import { WaitGraph } from './wait-graph.js'

/** The keys of a dog, as the fetchers of other keys ask for them. Refuses circles. */
export class LinkedKeys implements KeyResolver {
  readonly #graph = new WaitGraph()
  readonly #handleOf: (key: string) => KeyHandle
  /** The key whose fetcher is being called right now. */
  #callingKey: string | undefined

  constructor(handleOf: (key: string) => KeyHandle) {
    this.#handleOf = handleOf
  }

  /** The key whose fetcher is being called right now: a `get` that it makes synchronously is that key's. */
  get callingKey(): string | undefined {
    return this.#callingKey
  }

  isAvailable(key: string): boolean {
    return this.#handleOf(key).peek() !== undefined
  }

  maxWaitSeconds(key: string): number {
    return this.#handleOf(key).maxWaitSeconds
  }

  rejectionTest(key: string): ((error: unknown) => boolean) | undefined {
    return this.#handleOf(key).stored.config.isRejected
  }

  get(from: string, to: string): Promise<unknown> {
    return this.whileLinked(from, to, () => this.#handleOf(to).get())
  }

  refresh(from: string, to: string, rejected: unknown): Promise<unknown> {
    return this.#wait(from, to, () => this.#handleOf(to).refresh({ rejected }))
  }

  callFetcher<R>(key: string, fetcher: () => R): R {
    const outer = this.#callingKey
    this.#callingKey = key
    try {
      return fetcher()
    } finally {
      this.#callingKey = outer
    }
  }

  /** A `get` by the fetch of `from`, if it is one. No edge is recorded where nothing has to be waited for. */
  whileLinked<R>(from: string | undefined, to: string, get: () => Promise<R>): Promise<R> {
    return from === undefined || this.isAvailable(to) ? get() : this.#wait(from, to, get)
  }

  /** A `refresh` by the fetch of `from`, if it is one: it waits although there is a value. */
  whileRefreshing<R>(from: string | undefined, to: string, refresh: () => Promise<R>): Promise<R> {
    return from === undefined ? refresh() : this.#wait(from, to, refresh)
  }

  async #wait<R>(from: string, to: string, wait: () => Promise<R>): Promise<R> {
    const leave = this.#graph.enter(from, to)
    try {
      return await wait()
    } finally {
      leave()
    }
  }
}
