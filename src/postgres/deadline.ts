import { startTimer, stopTimer, type Timer } from '../core/shared/clock.js'
import { Fault } from './errors.js'

/** Milliseconds that an operation may take, connecting included. */
export const BOUND = 500
const TICK = 50

/**
 * The time of one operation. It is counted by ticks, of which one that comes late counts as one: a process that stood still
 * does not blame the database, whose answer may have come long ago.
 */
export class Bound {
  #left = BOUND / TICK
  #timer: Timer
  #expire = (): void => {}

  constructor() {
    this.#timer = startTimer(() => this.#tick(), TICK)
  }

  get isOver(): boolean {
    return this.#left <= 0
  }

  #tick(): void {
    this.#left--
    if (this.isOver) this.#expire()
    else this.#timer = startTimer(() => this.#tick(), TICK)
  }

  /** The promise's outcome, unless the time is over first; what comes `late` is put away. One at a time. */
  of<T>(promise: Promise<T>, late: (value: T) => void = () => {}): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#expire = () => reject(new Fault(`no answer within ${BOUND} ms`, 'ETIMEDOUT'))
      if (this.isOver) this.#expire()
      promise.then((value) => (this.isOver ? late(value) : resolve(value)), reject)
    })
  }

  end(): void {
    stopTimer(this.#timer)
  }
}

/** One promise's outcome, if it comes in time. */
export async function bounded<T>(promise: Promise<T>): Promise<T> {
  const bound = new Bound()
  try {
    return await bound.of(promise)
  } finally {
    bound.end()
  }
}
