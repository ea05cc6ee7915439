import { startTimer, stopTimer, type Timer } from '../core/shared/clock.js'

const { setImmediate } = globalThis

/** Milliseconds after which an operation has failed. */
export const BOUND = 500
const PIECE = 25

/** Nothing is known of the operation: it may be done later. */
export class NoAnswer extends Error {
  readonly code = 'ETIMEDOUT'

  constructor() {
    super(`no answer within ${BOUND} ms`)
  }
}

/**
 * The task's outcome, or {@link NoAnswer} after so many milliseconds. Keeps the process alive meanwhile, unless it is done in
 * the `background`; the connection itself never does.
 *
 * Counted in pieces, each with a look at what came in: while this process stands still (a busy machine, a long computation,
 * a stop), one piece passes, and its own slowness is not taken for the silence of Redis.
 */
export function bounded<T>(task: Promise<T>, ms: number, background = false): Promise<T> {
  return new Promise((resolve, reject) => {
    let left = ms
    let isOver = false
    let timer: Timer
    const wait = () => {
      timer = startTimer(() => setImmediate(count), PIECE)
      if (background) timer.unref()
    }
    const count = () => {
      left -= PIECE
      if (left <= 0) reject(new NoAnswer())
      else if (!isOver) wait()
    }
    wait()
    task.then(resolve, reject).finally(() => {
      isOver = true
      stopTimer(timer)
    })
  })
}

/** The same for a wait that lasts, in one piece: a process that waits must not wake for it. In the background. */
export function within<T>(task: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    // What came in while the process stood still is taken first.
    const timer = startTimer(() => setImmediate(() => reject(new NoAnswer())), ms).unref()
    task.then(resolve, reject).finally(() => stopTimer(timer))
  })
}
