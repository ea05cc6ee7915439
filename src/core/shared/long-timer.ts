import { startTimer, stopTimer, type Timer } from './clock.js'

/** A timer overflows at 24.8 days and would fire at once, so long waits are cut. Milliseconds. */
const MAX_TIMER_MS = 86_400_000

/** Fires at a time however far away, without keeping the process alive. Set again, it forgets the time before. */
export class LongTimer {
  #timer: Timer | undefined

  set(ms: number, fire: () => void): void {
    this.stop()
    const piece = Math.min(Math.max(ms, 1), MAX_TIMER_MS)
    this.#timer = startTimer(() => (ms > piece ? this.set(ms - piece, fire) : fire()), piece)
    this.#timer.unref()
  }

  stop(): void {
    stopTimer(this.#timer)
    this.#timer = undefined
  }
}
