import type { Dog, KeyStatus } from 'dotdog'
import type { KeyFailure, OperatorLog } from './operator-log.js'

/**
 * Logs each failure of a key once, and once more when it is over: also the failures of other
 * processes, which stand in the ledger, and those of keys that are refreshed although nobody asks.
 */

/** Between two reads of the ledgers without a sign, at least. */
const MIN_POLL_INTERVAL_MS = 5000
/** The part of its time that a process with many keys spends on reading them: one in 20. */
const POLL_REST_FACTOR = 20
/** Signs come in bursts: one read answers all of them. */
const SETTLE_MS = 100
/** Messages that were logged; the oldest is forgotten first. */
const MAX_REMEMBERED_NOTES = 200

interface OpenFailure {
  /** Another code is another failure. */
  id: string
  sinceMs: number
  count: number
}

export class KeyFailures {
  readonly #open = new Map<string, OpenFailure>()
  /** Failures here, of which the ledger may know nothing any more. */
  readonly #failed = new Map<string, { code: string; message: string }>()
  readonly #notes = new Set<string>()
  readonly #stops: (() => void)[] = []
  #poll: NodeJS.Timeout | undefined
  #pending: NodeJS.Timeout | undefined
  #isReading = false
  #isStarted = false

  constructor(
    readonly dog: Dog,
    readonly log: OperatorLog,
    /** What a person can do about a failure. */
    readonly mendOf: (failure: { code: string; details?: unknown }) => string | undefined,
  ) {}

  start(): void {
    this.#isStarted = true
    const stopWarnings = this.dog.on('warning', ({ key, message }) => this.#noteOnce(key, message))
    const stopFailures = this.dog.on('failure', ({ key, code, message }) => {
      this.#failed.set(key, { code, message })
      this.check()
    })
    const stopRefreshes = this.dog.on('refresh', ({ key }) => this.#open.has(key) && this.check())
    this.#stops.push(stopWarnings, stopFailures, stopRefreshes)
    this.check()
  }

  /** Reads the statuses soon: something happened. */
  check(): void {
    this.#pending ??= setTimeout(() => {
      this.#pending = undefined
      this.#readStatuses().catch((error: Error) =>
        this.#noteOnce(undefined, `the states of the keys cannot be read: ${error.message}`),
      )
    }, SETTLE_MS).unref()
  }

  stop(): void {
    this.#isStarted = false
    for (const stop of this.#stops) stop()
    clearTimeout(this.#poll)
    clearTimeout(this.#pending)
  }

  async #readStatuses(): Promise<void> {
    if (this.#isReading) return this.check()
    this.#isReading = true
    clearTimeout(this.#poll)
    const startedAtMs = performance.now()
    try {
      for (const status of await this.dog.status()) this.#compare(status)
    } finally {
      this.#isReading = false
      const restMs = (performance.now() - startedAtMs) * POLL_REST_FACTOR
      if (this.#isStarted) this.#poll = setTimeout(() => this.check(), Math.max(MIN_POLL_INTERVAL_MS, restMs)).unref()
    }
  }

  #compare({ key, failure }: KeyStatus): void {
    const failed = this.#failed.get(key)
    this.#failed.delete(key)
    if (failure !== undefined) return void this.#fail({ key, ...failure })
    // It failed and succeeded between two reads.
    if (failed !== undefined && !this.#open.has(key)) this.#fail({ key, ...failed, count: 1, retryAt: Date.now() })
    const open = this.#open.get(key)
    if (open === undefined) return
    this.#open.delete(key)
    this.log.recovery({ key, failedForMs: Date.now() - open.sinceMs, count: open.count })
  }

  #fail(failure: Omit<KeyFailure, 'reason' | 'mend'> & { message: string; details?: unknown }): void {
    const { key, code, message, count, retryAt, details } = failure
    const { errcode = '', code: upstreamCode = '' } = Object(details) as { errcode?: unknown; code?: unknown }
    const id = `${code} ${errcode} ${upstreamCode}`
    const open = this.#open.get(key)
    this.#open.set(key, { id, sinceMs: open?.sinceMs ?? Date.now(), count })
    if (open?.id === id) return
    const mend = this.mendOf(failure)
    // A message of dotdog/wechat has its hint in it.
    const isSaid = mend !== undefined && message.includes(mend)
    this.log.failure({ key, code, reason: message, mend: isSaid ? undefined : mend, count, retryAt })
  }

  #noteOnce(key: string | undefined, message: string): void {
    const text = key === undefined ? message : `${key}: ${message}`
    if (this.#notes.has(text)) return
    this.#notes.add(text)
    for (const oldest of this.#notes) {
      if (this.#notes.size <= MAX_REMEMBERED_NOTES) break
      this.#notes.delete(oldest)
    }
    this.log.note(text)
  }
}
