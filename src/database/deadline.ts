import { pause, startTimer, stopTimer, type Timer } from '../core/shared/clock.js'

const { setImmediate } = globalThis

/** An operation on a database has failed after this time, connecting included. */
export const OPERATION_TIMEOUT_MS = 500
/** A deadline is counted in pieces of this length. */
const TICK_MS = 25

/**
 * No answer came in time. The outcome is unknown: the database may still do the operation later.
 */
export class DeadlineError extends Error {
  readonly code = 'ETIMEDOUT'

  constructor(ms: number) {
    super(`no answer within ${ms} ms`)
  }
}

export interface DeadlineOptions {
  /** Default {@link OPERATION_TIMEOUT_MS}. */
  ms?: number
  /** The deadline does not keep the process alive. Default false. */
  isBackground?: boolean
}

/**
 * The time that one operation may take, counted in ticks. Each tick first handles the input that
 * has arrived. While this process stands still (a busy machine, a long computation, a SIGSTOP),
 * only one tick passes, so that its own slowness is not taken for the silence of the database.
 */
export class Deadline {
  readonly #ms: number
  readonly #isBackground: boolean
  #msLeft: number
  #timer: Timer | undefined
  #isStopped = false
  #expire = (): void => {}

  constructor({ ms = OPERATION_TIMEOUT_MS, isBackground = false }: DeadlineOptions = {}) {
    this.#ms = ms
    this.#isBackground = isBackground
    this.#msLeft = ms
    this.#arm()
  }

  get isOver(): boolean {
    return this.#msLeft <= 0
  }

  #arm(): void {
    this.#timer = startTimer(() => setImmediate(() => this.#tick()), TICK_MS)
    if (this.#isBackground) this.#timer.unref()
  }

  #tick(): void {
    if (this.#isStopped) return
    this.#msLeft -= TICK_MS
    if (this.isOver) this.#expire()
    else this.#arm()
  }

  /**
   * Resolves as the promise does, unless the deadline is over first. A value that comes too late
   * goes to `discard`. One call at a time.
   *
   * @throws DeadlineError when the deadline is over.
   */
  race<T>(promise: Promise<T>, discard: (late: T) => void = () => {}): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#expire = () => reject(new DeadlineError(this.#ms))
      if (this.isOver) this.#expire()
      promise.then((value) => (this.isOver ? discard(value) : resolve(value)), reject)
    })
  }

  /** Must be called when the operation has ended. */
  stop(): void {
    this.#isStopped = true
    stopTimer(this.#timer)
  }
}

/** Runs a task under a deadline of its own, which is stopped when the task has ended. */
export async function underDeadline<T>(task: (deadline: Deadline) => Promise<T>, options?: DeadlineOptions): Promise<T> {
  const deadline = new Deadline(options)
  try {
    return await task(deadline)
  } finally {
    deadline.stop()
  }
}

/**
 * The outcome of one promise, if it comes in time.
 *
 * @throws DeadlineError if it does not.
 */
export const withDeadline = <T>(promise: Promise<T>, options?: DeadlineOptions): Promise<T> =>
  underDeadline((deadline) => deadline.race(promise), options)

export interface RetryOptions {
  /** Milliseconds to wait before the second try, the third, and so on. No entry, no further try. */
  delaysMs: readonly number[]
  /** Whether another try may succeed. */
  isTransient(error: unknown): boolean
  /** Called after a transient failure, before the wait. */
  onRetry?(): void
}

/**
 * Tries a task, and tries it again after each transient failure, all under one deadline.
 *
 * @throws what the last try threw, or DeadlineError.
 */
export const withRetries = <T>(
  task: (deadline: Deadline) => Promise<T>,
  { delaysMs, isTransient, onRetry }: RetryOptions,
): Promise<T> =>
  underDeadline(async (deadline) => {
    for (let tries = 0; ; tries++) {
      try {
        return await task(deadline)
      } catch (error) {
        const delayMs = delaysMs[tries]
        if (deadline.isOver || delayMs === undefined || !isTransient(error)) throw error
        onRetry?.()
        await deadline.race(pause(delayMs))
      }
    }
  })

/**
 * The outcome of a wait that lasts. The time is one piece, because a process that waits must not
 * wake up every few milliseconds to count. Does not keep the process alive.
 *
 * @throws DeadlineError if the outcome does not come within `ms`.
 */
export function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    // Input that arrived while the process stood still is handled first.
    const timer = startTimer(() => setImmediate(() => reject(new DeadlineError(ms))), ms).unref()
    promise.then(resolve, reject).finally(() => stopTimer(timer))
  })
}
