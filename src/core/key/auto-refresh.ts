import { LongTimer } from '../shared/long-timer.js'

/** A key without a value is looked up again this often. */
export const RECHECK_MS = 60_000

/** What {@link AutoRefresh} refreshes. */
export interface AutoRefreshTarget {
  /** Whether a refresh is wanted at all. */
  isEnabled(): boolean
  /** Milliseconds until the value in memory is due; undefined if there is no valid one. */
  msUntilDue(): number | undefined
  /** Reads the store, and refreshes the value if it is due. Resolves to the milliseconds to wait before the next check. */
  refreshIfDue(): Promise<number>
}

/** Refreshes a value when it is due, even if nobody asks. The timer is set again after every firing, won, lost or failed. */
export class AutoRefresh {
  readonly #timer = new LongTimer()
  readonly #target: AutoRefreshTarget

  constructor(target: AutoRefreshTarget) {
    this.#target = target
  }

  schedule(earliestMs = 0): void {
    this.#timer.stop()
    if (!this.#target.isEnabled()) return
    this.#timer.set(Math.max(this.#target.msUntilDue() ?? 0, earliestMs), () => {
      this.#target.refreshIfDue().then(
        (waitMs) => this.schedule(waitMs),
        () => this.schedule(RECHECK_MS),
      )
    })
  }

  stop(): void {
    this.#timer.stop()
  }
}
