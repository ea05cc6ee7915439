import { DogError } from '../model/errors.js'
import { monotonic, startTimer, stopTimer } from '../shared/clock.js'
import { onAbort } from '../shared/on-abort.js'

export interface DeadlineOptions {
  key: string
  /** Seconds that a call may take in all. */
  maxWaitSeconds: number
  /** Whether the timer keeps the process alive: true while a caller waits. */
  keepsAlive: boolean
  /** Ends the call early. */
  signal?: AbortSignal
  /** Monotonic milliseconds at which the call began. Default: now. */
  startedAt?: number
}

export interface Deadline {
  /** Rejects when the time of the call is over, or when the signal aborts. */
  passed: Promise<never>
  /** Stops the timer. */
  end(): void
}

/** Starts the timer that bounds a call. */
export function startDeadline({ key, maxWaitSeconds, keepsAlive, signal, startedAt = monotonic() }: DeadlineOptions): Deadline {
  const remainingMs = Math.max(1, maxWaitSeconds * 1000 - (monotonic() - startedAt))
  let reject!: (reason: unknown) => void
  const passed = new Promise<never>((_, onReject) => (reject = onReject))
  const message = `No value of "${key}" came within ${maxWaitSeconds} s (twice its time-out and 2 s)`
  const timer = startTimer(() => reject(new DogError('ERR_DOG_WAIT_TIMEOUT', message, { key })), remainingMs)
  if (!keepsAlive) timer.unref()
  const leave = () => reject(signal!.reason)
  if (signal?.aborted) leave()
  const unsubscribe = signal && onAbort(signal, leave)
  const end = () => {
    stopTimer(timer)
    unsubscribe?.()
  }
  return { passed, end }
}

export interface AbortDeadline {
  signal: AbortSignal
  /** Aborts before the time is over. */
  abort(reason: unknown): void
  end(): void
}

/** The same as a signal that aborts. */
export function abortAtDeadline(options: DeadlineOptions): AbortDeadline {
  const aborter = new AbortController()
  const { passed, end } = startDeadline(options)
  passed.catch((reason) => aborter.abort(reason))
  return { signal: aborter.signal, abort: (reason) => aborter.abort(reason), end }
}
