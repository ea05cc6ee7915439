import type { DogRecord } from '../../../index.js'
import type { DogError } from '../model/errors.js'
import { monotonic, now } from '../shared/clock.js'
import { RECHECK_MS } from './auto-refresh.js'

/** After losing a background refresh to another process, or failing, none is tried for this long. */
const RETRY_MS = 250

/** Refreshes a due value while callers get the valid one. Its failure is reported once, and never an unhandled rejection. */
export class BackgroundRefresh {
  #noRefreshBefore = 0
  #lastError = ''

  constructor(readonly onError: (error: DogError) => void) {}

  /** Whether the last attempt was lost or failed only now. */
  get isResting(): boolean {
    return monotonic() < this.#noRefreshBefore
  }

  /** Milliseconds until a refresh may be tried again. */
  get restMs(): number {
    return Math.max(RETRY_MS, this.#noRefreshBefore - monotonic())
  }

  /** Resolves to whether there is a new value. */
  async run(start: () => Promise<DogRecord | undefined>): Promise<boolean> {
    try {
      if ((await start()) !== undefined) return true
      this.#noRefreshBefore = monotonic() + RETRY_MS
    } catch (error) {
      const { code, message, retryAt = 0 } = error as DogError
      // All processes obey `retryAt`: an attempt before that would only repeat the same failure.
      this.#noRefreshBefore = monotonic() + Math.min(RECHECK_MS, Math.max(RETRY_MS, retryAt - now()))
      const description = `${code} ${message} ${retryAt}`
      if (description !== this.#lastError) this.onError(error as DogError)
      this.#lastError = description
    }
    return false
  }
}
