import type { KeyStatus } from 'dotdog'
import { isDogError } from '../http/problem.js'
import type { Hub } from './event-hub.js'
import type { Sample } from './prometheus.js'

/** How often each key was fetched, and what came of it. The dog tells of each success; failures stand in the ledger. */

const REASONS = ['missing', 'expired', 'due', 'rejected', 'forced'] as const
const FAILURES: Record<string, string> = {
  ERR_DOG_FETCH: 'failed',
  ERR_DOG_FETCH_TIMEOUT: 'timeout',
  ERR_DOG_FETCH_RESULT: 'bad_result',
  ERR_DOG_REJECTED: 'same_value',
}

interface Tally {
  counts: Map<string, number>
  /** The newest failure that was counted: one is told to everybody who asks until its end. */
  failedUntil: number
  failures: number
}

export class Fetches {
  readonly #tallies = new Map<string, Tally>()

  constructor(hub: Hub) {
    hub.hear(({ event, payload }) => {
      if (event === 'refresh') this.#add(payload.key, `success ${payload.reason}`)
    })
  }

  /** A failure that a caller was told of. */
  failed(key: string, error: unknown): void {
    if (!isDogError(error) || error.retryAt === undefined) return
    const tally = this.#of(key)
    if (error.retryAt <= tally.failedUntil) return
    tally.failedUntil = error.retryAt
    tally.failures++
    this.#addFailure(key, error.code)
  }

  /** A failure that nobody was told of, as the ledger has it. */
  look({ key, failure }: KeyStatus): void {
    const tally = this.#of(key)
    if (failure === undefined) tally.failures = 0
    else if (failure.retryAt > tally.failedUntil) {
      const times = failure.count > tally.failures ? failure.count - tally.failures : 1
      for (let time = 0; time < times; time++) this.#addFailure(key, failure.code)
      tally.failedUntil = failure.retryAt
      tally.failures = failure.count
    }
  }

  *samples(keys: readonly string[]): Iterable<Sample> {
    for (const key of keys) {
      for (const [id, value] of this.#of(key).counts) {
        const [result, reason] = id.split(' ') as [string, string]
        yield { labels: { key, result, reason }, value }
      }
    }
  }

  #addFailure(key: string, code: string): void {
    const reason = FAILURES[code]
    if (reason !== undefined) this.#add(key, `failure ${reason}`)
  }

  #add(key: string, id: string): void {
    const { counts } = this.#of(key)
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }

  /** From 0 on, so that the first one is seen as a rise. */
  #of(key: string): Tally {
    let tally = this.#tallies.get(key)
    if (tally === undefined) {
      const ids = [
        ...REASONS.map((reason) => `success ${reason}`),
        ...Object.values(FAILURES).map((reason) => `failure ${reason}`),
      ]
      tally = { counts: new Map(ids.map((id) => [id, 0])), failedUntil: 0, failures: 0 }
      this.#tallies.set(key, tally)
    }
    return tally
  }
}
