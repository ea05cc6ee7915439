import { LongTimer } from '../shared/long-timer.js'

/** Without a value, one is looked for so often; milliseconds. */
export const RECHECK_MS = 60_000

/** What is refreshed, as the clockwork below sees it. */
export interface AutoRefreshTarget {
  /** Whether a refresh is wanted at all. */
  isEnabled(): boolean
  /** Milliseconds until the value in memory is due; undefined if there is none that lives. */
  msUntilDue(): number | undefined
  /** Looks, and refreshes if it is due. Resolves to when to look again at the earliest, in milliseconds. */
  refreshIfDue(): Promise<number>
}

/** Refreshes a value when it is due, though nobody asks. Armed again after every firing, won, lost or failed. */
export class AutoRefresh {
  readonly #timer = new LongTimer()
  readonly #target: AutoRefreshTarget

  constructor(target: AutoRefreshTarget) {
    this.#target = target
  }

  /** @param earliestMs milliseconds from now */
  schedule(earliestMs = 0): void {
    this.#timer.stop()
    if (!this.#target.isEnabled()) return
    this.#timer.set(Math.max(this.#target.msUntilDue() ?? 0, earliestMs), () => {
      this.#target.refreshIfDue().then(
        (wait) => this.schedule(wait),
        () => this.schedule(RECHECK_MS),
      )
    })
  }

  stop(): void {
    this.#timer.stop()
  }
}
