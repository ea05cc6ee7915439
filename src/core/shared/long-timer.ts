import { startTimer, stopTimer, type Timer } from './clock.js'

/**
 * A timer overflows at 24.8 days and fires at once, so a longer wait is cut into pieces of one day.
 */
const MAX_TIMER_MS = 86_400_000

/**
 * Fires once, however far away the time is, and does not keep the process alive. `set` replaces an
 * earlier time.
 */
export class LongTimer {
  #timer: Timer | undefined

  set(ms: number, callback: () => void): void {
    this.stop()
    const pieceMs = Math.min(Math.max(ms, 1), MAX_TIMER_MS)
    this.#timer = startTimer(() => (ms > pieceMs ? this.set(ms - pieceMs, callback) : callback()), pieceMs)
    this.#timer.unref()
  }

  stop(): void {
    stopTimer(this.#timer)
    this.#timer = undefined
  }
}
