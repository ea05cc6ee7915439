import type { DogRecord } from 'dotdog'
import { startTimer, stopTimer, type Timer } from '../core/shared/clock.js'
import { ReconnectBackoff } from '../core/shared/reconnect-backoff.js'
import { type HttpClient, pathOf, type RemoteResponse } from './http-client.js'
import { recordOf } from './responses.js'

/**
 * The server is asked to wait this long for another generation. A dead connection is noticed after
 * about as long.
 */
const LONG_POLL_S = 25
/** The response may take this much longer. */
const RESPONSE_SLACK_MS = 5000
/** The wait before the next poll after a failure: doubles up to the second figure. */
const RETRY_MIN_MS = 250
const RETRY_MAX_MS = 30_000
/** A server waits at least this long before it answers that nothing is new. */
const MIN_SERVER_WAIT_MS = 1000

/**
 * Follows one key by long polls, so that a newer value is here before anybody asks. Does not keep
 * the process alive.
 */
export class ChangePoller {
  readonly #client: HttpClient
  readonly #key: string
  readonly #knownGeneration: () => number | undefined
  readonly #onRecord: (record: DogRecord, since: number | undefined) => void
  readonly #stopped = new AbortController()
  readonly #backoff = new ReconnectBackoff(RETRY_MIN_MS, RETRY_MAX_MS)
  #timer: Timer | undefined
  #isLive = false

  /**
   * @param knownGeneration the generation of the key's record that is known here
   * @param onRecord called with each record, and the generation that was known when it was asked
   * for
   */
  constructor(
    client: HttpClient,
    key: string,
    knownGeneration: () => number | undefined,
    onRecord: (record: DogRecord, since: number | undefined) => void,
  ) {
    this.#client = client
    this.#key = key
    this.#knownGeneration = knownGeneration
    this.#onRecord = onRecord
    void this.#poll()
  }

  /** Whether a poll is under way: then what is known here is what the server has. */
  get isLive(): boolean {
    return this.#isLive
  }

  async #poll(): Promise<void> {
    const since = this.#knownGeneration()
    const query = since === undefined ? '' : `?since=${since}&wait=${LONG_POLL_S}`
    let isUseful = false
    try {
      const response = await this.#client.send({
        path: pathOf(this.#key) + query,
        timeoutMs: LONG_POLL_S * 1000 + RESPONSE_SLACK_MS,
        signal: this.#stopped.signal,
        background: { onSent: () => (this.#isLive = since !== undefined) },
      })
      isUseful = this.#take(response, since)
    } catch {
      // A caller who asks for the key gets the error of its own request.
    }
    this.#isLive = false
    if (this.#stopped.signal.aborted) return
    if (isUseful) this.#backoff.reset()
    this.#timer = startTimer(() => void this.#poll(), isUseful ? 0 : this.#backoff.next())
    this.#timer.unref()
  }

  /**
   * Returns whether the next poll may follow at once. It may not after a value that has expired
   * already, after one that was known, nor after a response without a wait, which some proxies
   * give.
   */
  #take(response: RemoteResponse, since: number | undefined): boolean {
    const record = response.status === 200 ? recordOf(this.#key, response) : undefined
    if (record === undefined) return response.status === 304 && response.receivedAt - response.sentAt >= MIN_SERVER_WAIT_MS
    this.#onRecord(record, since)
    return record.generation !== since && record.expiresAt > Date.now()
  }

  stop(): void {
    this.#stopped.abort()
    stopTimer(this.#timer)
  }
}
