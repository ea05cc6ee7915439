import { startTimer, stopTimer, type Timer } from './clock.js'

/** A timer overflows at 24.8 days and would fire at once, so long waits are cut. Milliseconds. */
const LONGEST = 86_400_000

/** Fires at a time however far away, without keeping the process alive. Set again, it forgets the time before. */
export class Alarm {
  #timer: Timer | undefined

  set(ms: number, ring: () => void): void {
    this.stop()
    const piece = Math.min(Math.max(ms, 1), LONGEST)
    this.#timer = startTimer(() => (ms > piece ? this.set(ms - piece, ring) : ring()), piece)
    this.#timer.unref()
  }

  stop(): void {
    stopTimer(this.#timer)
    this.#timer = undefined
  }
}
