import { startTimer, stopTimer } from '../../clock.js'
import { BOUND, bounded, NoAnswer } from './bound.js'
import { connect, end, isCluster, type Redis } from './client.js'
import { codeOf, isReply } from './errors.js'
import type { Source } from './source.js'

const { setImmediate } = globalThis

/** This will not be otherwise the next time: no right to it, no such command. */
const REFUSALS = ['NOPERM', 'ERR']

/** A key's stream is on one of the nodes, and another connection on any. */
class OfCluster extends Error {}

interface Opening {
  redis?: Redis
  ready?: Promise<Redis>
}

/**
 * The one connection on which a store waits in Redis, for one key at a time: a blocking look at the key's stream, whose reply is
 * the record that was committed. Who waits for another key meanwhile listens, and reads when told. Keeps no process alive.
 */
export class Line {
  readonly #source: Source
  #opening: Opening | undefined
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
    const opening = (this.#opening ??= {})
    try {
      const redis = await bounded((opening.ready ??= this.#open(opening)), BOUND)
      const found = await within(redis.xread('BLOCK', ms, 'STREAMS', this.#source.before + stream, mark), ms + BOUND)
      const [, events] = found?.[0] ?? []
      const [, [, text] = []] = events?.at(-1) ?? []
      return text ? { text } : {}
    } catch (error) {
      this.#drop(opening)
      this.#isRefused = error instanceof OfCluster || (isReply(error) && REFUSALS.includes(codeOf(error)))
      if (!this.#isRefused) throw error
      return undefined
    } finally {
      this.#isBusy = false
    }
  }

  async #open(opening: Opening): Promise<Redis> {
    if (isCluster(await this.#source.client())) throw new OfCluster()
    const redis = await this.#source.another()
    if (this.#opening !== opening) throw new Error('closed')
    opening.redis = redis
    redis.once('end', () => this.#drop(opening))
    await connect(redis)
    return redis
  }

  #drop(opening: Opening): void {
    end(opening.redis)
    if (this.#opening === opening) this.#opening = undefined
  }

  close(): void {
    if (this.#opening !== undefined) this.#drop(this.#opening)
  }
}

/** As `bounded`, in one piece: a wait that lasts must not count it down. */
function within<T>(task: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    // What came in while the process stood still is taken first.
    const timer = startTimer(() => setImmediate(() => reject(new NoAnswer())), ms).unref()
    task.then(resolve, reject).finally(() => stopTimer(timer))
  })
}
