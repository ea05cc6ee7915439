import { Connection } from './connection.js'
import type { Source } from './connection-provider.js'
import { BOUND, bounded, within } from './deadline.js'
import { codeOf, isReply } from './errors.js'
import { isCluster, type Redis } from './ioredis.js'

/** This will not be otherwise the next time: no right to it, no such command. */
const REFUSALS = ['NOPERM', 'ERR']

/** A key's stream is on one of the nodes, and another connection on any. */
class OfCluster extends Error {}

/**
 * The one connection on which a store waits in Redis, for one key at a time: a blocking look at the key's stream, whose reply is
 * the record that was committed. Who waits for another key meanwhile listens, and reads when told. Keeps no process alive.
 */
export class Line {
  readonly #source: Source
  readonly #connection = new Connection(() => this.#another())
  #isBusy = false
  /** For good. */
  #isRefused = false

  constructor(source: Source) {
    this.#source = source
  }

  /** What was committed; no text after `ms`, or something else. Undefined: not so, or not now. */
  async park(stream: string, mark: string, ms: number): Promise<{ text?: string } | undefined> {
    if (this.#isBusy || this.#isRefused) return undefined
    this.#isBusy = true
    try {
      const redis = await bounded(this.#connection.ready(), BOUND)
      const found = await within(redis.xread('BLOCK', ms, 'STREAMS', this.#source.before + stream, mark), ms + BOUND)
      const [, events] = found?.[0] ?? []
      const [, [, text] = []] = events?.at(-1) ?? []
      return text ? { text } : {}
    } catch (error) {
      this.#connection.drop()
      this.#isRefused = error instanceof OfCluster || (isReply(error) && REFUSALS.includes(codeOf(error)))
      if (!this.#isRefused) throw error
      return undefined
    } finally {
      this.#isBusy = false
    }
  }

  async #another(): Promise<Redis> {
    if (isCluster(await this.#source.client())) throw new OfCluster()
    return await this.#source.another()
  }

  close(): void {
    this.#connection.close()
  }
}
