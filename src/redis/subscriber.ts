import { startTimer, stopTimer, type Timer } from '../core/shared/clock.js'
import type { Source } from './connection-provider.js'
import { BOUND, bounded } from './deadline.js'
import { closed } from './errors.js'
import { connect, end, type Redis } from './ioredis.js'

/** Milliseconds until a lost connection is made again; doubled with every failure, up to the second figure. */
const FIRST_RETRY = 50
const LAST_RETRY = 500
/** Milliseconds between two proofs that the connection lives: one that fell silent looks like one on which nothing happens. */
const PULSE = 5000

interface Opening {
  redis?: Redis
  /** Settles when it hears, or does not. */
  ready?: Promise<void>
}

type Listener = (text: string | undefined) => void

/** The one connection on which a store hears of changes. While it is up it keeps no process alive, nor when it comes back. */
export class Subscriber {
  readonly #source: Source
  readonly #channel: string
  readonly #listeners = new Set<Listener>()
  #opening: Opening | undefined
  #timer: Timer | undefined
  #retry = FIRST_RETRY
  #isClosed = false

  constructor(source: Source, channel: string) {
    this.#source = source
    this.#channel = channel
  }

  /** Resolves when it hears. The listener gets what is told, or undefined after a gap. */
  async listen(listener: Listener): Promise<() => void> {
    this.#listeners.add(listener)
    try {
      await bounded(this.#open(), BOUND)
    } catch (error) {
      this.#listeners.delete(listener)
      throw error
    }
    return () => void this.#listeners.delete(listener)
  }

  #open(): Promise<void> {
    if (this.#isClosed) return Promise.reject(closed())
    if (this.#opening?.ready !== undefined) return this.#opening.ready
    stopTimer(this.#timer)
    const opening: Opening = {}
    this.#opening = opening
    opening.ready = bounded(this.#connect(opening), BOUND, true)
    opening.ready.catch(() => this.#lost(opening))
    return opening.ready
  }

  async #connect(opening: Opening): Promise<void> {
    const redis = await this.#source.another()
    // Given up meanwhile.
    if (this.#opening !== opening) throw new Error('closed')
    opening.redis = redis
    redis.once('end', () => this.#lost(opening))
    redis.on('message', (_channel, text: string) => this.#tell(text))
    await connect(redis)
    await redis.subscribe(this.#channel)
    this.#retry = FIRST_RETRY
    this.#beat(redis)
  }

  #beat(redis: Redis): void {
    startTimer(() => {
      if (redis.status === 'end') return
      bounded(redis.ping(), BOUND, true).then(
        () => this.#beat(redis),
        () => end(redis),
      )
    }, PULSE).unref()
  }

  #lost(opening: Opening): void {
    end(opening.redis)
    if (this.#opening !== opening) return
    this.#opening = undefined
    if (this.#listeners.size === 0) return
    this.#timer = startTimer(() => {
      this.#open().then(
        () => this.#tell(undefined),
        () => {},
      )
    }, this.#retry)
    this.#timer.unref()
    this.#retry = Math.min(LAST_RETRY, this.#retry * 2)
  }

  #tell(text: string | undefined): void {
    for (const listener of [...this.#listeners]) listener(text)
  }

  /** For good. */
  close(): void {
    this.#isClosed = true
    this.#listeners.clear()
    stopTimer(this.#timer)
    end(this.#opening?.redis)
    this.#opening = undefined
  }
}
