import { closedError } from './errors.js'
import { type Client, connect, end, type Redis } from './ioredis.js'

interface Opening {
  redis?: Redis
  ready?: Promise<Redis>
}

/** One connection, made when it is needed, and replaced after it ended or was dropped. */
export class Connection {
  readonly #create: () => Promise<Redis>
  #current: Opening | undefined
  #isClosed = false

  /** @param create makes a connection that is not connected yet */
  constructor(create: () => Promise<Redis>) {
    this.#create = create
  }

  /** The connection, ready for commands. */
  async ready(): Promise<Redis> {
    if (this.#isClosed) throw closedError()
    if (this.#current?.redis?.status === 'end') this.#current = undefined
    const current = (this.#current ??= {})
    current.ready ??= this.#open(current)
    return await current.ready
  }

  async #open(current: Opening): Promise<Redis> {
    try {
      const redis = await this.#create()
      // Dropped while ioredis was loaded.
      if (this.#current !== current) throw new Error('closed')
      current.redis = redis
      await connect(redis)
      return redis
    } catch (error) {
      this.#discard(current)
      throw error
    }
  }

  #discard(current: Opening): void {
    end(current.redis)
    if (this.#current === current) this.#current = undefined
  }

  /** Ends the connection, unless another one than `client` is in use by now. */
  drop(client?: Client): void {
    if (this.#current !== undefined && (client === undefined || client === this.#current.redis)) this.#discard(this.#current)
  }

  /** For good. */
  close(): void {
    this.#isClosed = true
    this.drop()
  }
}
