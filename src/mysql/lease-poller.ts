import { monotonic, startTimer, stopTimer } from '../core/shared/clock.js'
import type { WaitResult } from '../database/backend.js'
import type { Row } from './connection.js'

/** Most fetches end within this time. Until then a waiter asks often. */
const EAGER_MS = 2000
const EAGER_POLL_MS = 25
const MAX_POLL_MS = 250
/** Then the time between two polls grows with the time waited. */
const POLL_FRACTION = 1 / 20

interface Wait {
  key: string
  /** The nonce of the lease that is waited for. */
  nonce: string
  end(result: WaitResult): void
  fail(error: unknown): void
}

/** Rows of the leases that ended. */
type FindEnded = (leases: readonly { key: string; nonce: string }[]) => Promise<Row[]>

/**
 * MySQL notifies nobody, so the process asks: one statement for all keys that it waits for. A lease
 * has ended when the row has another nonce, or none.
 */
export class LeasePoller {
  readonly #findEnded: FindEnded
  readonly #waits = new Set<Wait>()
  /** By nonce: when the wait for that lease began, although each single wait is short. */
  readonly #waitedSince = new Map<string, number>()
  #isPolling = false

  constructor(findEnded: FindEnded) {
    this.#findEnded = findEnded
  }

  /** Resolves when the lease has ended, to the text of the record then, or to `{}` after `ms`. */
  wait(key: string, nonce: string, ms: number): Promise<WaitResult> {
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        if (!this.#waits.delete(wait)) return
        stopTimer(timer)
        how()
      }
      const wait: Wait = {
        key,
        nonce,
        end: (result) => settle(() => resolve(result)),
        fail: (error) => settle(() => reject(error)),
      }
      const timer = startTimer(() => wait.end({}), ms)
      timer.unref()
      this.#waits.add(wait)
      if (!this.#waitedSince.has(nonce)) this.#waitedSince.set(nonce, monotonic())
      if (this.#isPolling) return
      this.#isPolling = true
      this.#pollLater()
    })
  }

  #pollLater(): void {
    startTimer(() => void this.#poll(), this.#restMs()).unref()
  }

  /** The youngest wait decides. */
  #restMs(): number {
    const waitedMs = Math.min(...[...this.#waits].map(({ nonce }) => monotonic() - this.#waitedSince.get(nonce)!))
    return waitedMs < EAGER_MS ? EAGER_POLL_MS : Math.min(MAX_POLL_MS, waitedMs * POLL_FRACTION)
  }

  async #poll(): Promise<void> {
    const waits = [...this.#waits]
    try {
      const leases = new Map(waits.map(({ key, nonce }) => [`${nonce} ${key}`, { key, nonce }]))
      const rows = leases.size === 0 ? [] : await this.#findEnded([...leases.values()])
      const texts = new Map(rows.map(({ key, record }) => [String(key), record === null ? undefined : String(record)]))
      for (const wait of waits) {
        if (!texts.has(wait.key)) continue
        const text = texts.get(wait.key)
        wait.end(text === undefined ? {} : { text })
      }
    } catch (error) {
      for (const wait of waits) wait.fail(error)
    }
    this.#forgetEnded()
    if (this.#waits.size > 0) this.#pollLater()
    else this.#isPolling = false
  }

  /** A wait that goes on begins again at once; one that does not for this long has ended. */
  #forgetEnded(): void {
    const waited = new Set([...this.#waits].map(({ nonce }) => nonce))
    for (const [nonce, since] of this.#waitedSince) {
      if (!waited.has(nonce) && monotonic() - since > EAGER_MS) this.#waitedSince.delete(nonce)
    }
  }
}
