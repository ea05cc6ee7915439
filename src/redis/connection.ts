import { closed } from './errors.js'
import { type Client, connect, end, type Redis } from './ioredis.js'

interface Opening {
  redis?: Redis
  ready?: Promise<Redis>
}

/** One connection, made when it is needed, and another one after it ended or was given up. */
export class Connection {
  readonly #make: () => Promise<Redis>
  #current: Opening | undefined
  #isClosed = false

  /** @param make a connection that is not connected yet */
  constructor(make: () => Promise<Redis>) {
    this.#make = make
  }

  async ready(): Promise<Redis> {
    if (this.#isClosed) throw closed()
    if (this.#current?.redis?.status === 'end') this.#current = undefined
    const current = (this.#current ??= {})
    current.ready ??= this.#open(current)
    return await current.ready
  }

  async #open(current: Opening): Promise<Redis> {
    try {
      const redis = await this.#make()
      // Given up while ioredis was loaded.
      if (this.#current !== current) throw new Error('closed')
      current.redis = redis
      await connect(redis)
      return redis
    } catch (error) {
      this.#forget(current)
      throw error
    }
  }

  #forget(current: Opening): void {
    end(current.redis)
    if (this.#current === current) this.#current = undefined
  }

  /** Gives it up, unless there is another one than `client` by now. */
  drop(client?: Client): void {
    if (this.#current !== undefined && (client === undefined || client === this.#current.redis)) this.#forget(this.#current)
  }

  /** For good. */
  close(): void {
    this.#isClosed = true
    this.drop()
  }
}
