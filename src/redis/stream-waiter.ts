import type { WaitResult } from '../database/backend.js'
import { OPERATION_TIMEOUT_MS, withDeadline, withTimeout } from '../database/deadline.js'
import { Connection } from './connection.js'
import type { ConnectionProvider } from './connection-provider.js'
import { codeOf, isReply } from './errors.js'
import { isCluster, type Redis } from './ioredis.js'

/**
 * Error replies that will be the same the next time: no right to the command, or no such command.
 */
const PERMANENT_REPLIES = ['NOPERM', 'ERR']

/** In a cluster a key's stream is on one node, and another connection leads to any node. */
class ClusterNotSupportedError extends Error {}

/**
 * The one connection on which a store waits inside Redis, for one key at a time: a blocking read of
 * the key's stream, whose reply is the record that was committed. A waiter for another key
 * meanwhile uses the subscription, and reads when it is notified. Does not keep the process alive.
 */
export class StreamWaiter {
  readonly #connections: ConnectionProvider
  readonly #connection = new Connection(() => this.#createConnection())
  #isBusy = false
  /** This Redis does not allow it, and never will. */
  #isRefused = false

  constructor(connections: ConnectionProvider) {
    this.#connections = connections
  }

  /**
   * Resolves to the committed record, or to `{}` on a time-out and on any other event. `undefined`:
   * a blocking wait is not possible, or not at the moment.
   */
  async wait(stream: string, cursor: string, ms: number): Promise<WaitResult | undefined> {
    if (this.#isBusy || this.#isRefused) return undefined
    this.#isBusy = true
    try {
      const redis = await withDeadline(this.#connection.ready())
      const reply = redis.xread('BLOCK', ms, 'STREAMS', this.#connections.keyPrefix + stream, cursor)
      const streams = await withTimeout(reply, ms + OPERATION_TIMEOUT_MS)
      const [, events] = streams?.[0] ?? []
      const [, [, text] = []] = events?.at(-1) ?? []
      return text ? { text } : {}
    } catch (error) {
      this.#connection.drop()
      this.#isRefused =
        error instanceof ClusterNotSupportedError || (isReply(error) && PERMANENT_REPLIES.includes(codeOf(error)))
      if (!this.#isRefused) throw error
      return undefined
    } finally {
      this.#isBusy = false
    }
  }

  async #createConnection(): Promise<Redis> {
    if (isCluster(await this.#connections.client())) throw new ClusterNotSupportedError()
    return await this.#connections.createConnection()
  }

  close(): void {
    this.#connection.close()
  }
}
