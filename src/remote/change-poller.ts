import type { DogRecord } from 'dotdog'
import { startTimer, stopTimer, type Timer } from '../core/shared/clock.js'
import { type HttpClient, pathOf } from './http-client.js'
import { recordOf } from './responses.js'

/** Seconds the server is asked to wait for another generation: also how long a connection may be dead unnoticed. */
const WAIT = 25
/** Milliseconds that the answer may take beyond that. */
const SLACK = 5000
/** Milliseconds before the next try after a failure; doubled up to the last. */
const FIRST_PAUSE = 250
const LAST_PAUSE = 30_000
/** Milliseconds that a server waits at least before it says that nothing is new. */
const LEAST_WAIT = 1000

/** Follows one key by long polls, so that a newer value is here before anybody asks. Keeps no process alive. */
export class ChangePoller {
  readonly #channel: HttpClient
  readonly #onRecord: (record: DogRecord, since: number | undefined) => void
  readonly #end = new AbortController()
  #pause = FIRST_PAUSE
  #timer: Timer | undefined
  /** While a poll is under way, what is known is what the server has. */
  isLive = false

  constructor(
    channel: HttpClient,
    readonly key: string,
    readonly known: () => number | undefined,
    onRecord: (record: DogRecord, since: number | undefined) => void,
  ) {
    this.#channel = channel
    this.#onRecord = onRecord
    void this.#poll()
  }

  async #poll(): Promise<void> {
    const { key } = this
    const since = this.known()
    const query = since === undefined ? '' : `?since=${since}&wait=${WAIT}`
    const path = pathOf(key) + query
    const idle = { onSent: () => (this.isLive = since !== undefined) }
    let isGood = false
    try {
      const answer = await this.#channel.ask({ path, timeout: WAIT * 1000 + SLACK, signal: this.#end.signal, idle })
      const record = answer.status === 200 ? recordOf(key, answer) : undefined
      if (record !== undefined) this.#onRecord(record, since)
      // A value that is over when it comes is no reason to ask for the next one at once; nor is one that is known, or an
      // answer without a wait, which some that stand between give.
      isGood =
        record === undefined
          ? answer.status === 304 && answer.ended - answer.begun >= LEAST_WAIT
          : record.generation !== since && record.expiresAt > Date.now()
    } catch {
      // Whoever asks for the key is told.
    }
    this.isLive = false
    if (this.#end.signal.aborted) return
    if (isGood) this.#pause = FIRST_PAUSE
    const pause = isGood ? 0 : this.#pause
    if (!isGood) this.#pause = Math.min(LAST_PAUSE, this.#pause * 2)
    this.#timer = startTimer(() => void this.#poll(), pause)
    this.#timer.unref()
  }

  stop(): void {
    this.#end.abort()
    stopTimer(this.#timer)
  }
}
