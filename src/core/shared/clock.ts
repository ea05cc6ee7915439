/**
 * The only source of time. The functions of the runtime are captured when this module loads, so
 * that fake timers which a user installs later stop nothing here. Records hold wall-clock time.
 * Every duration is measured with the monotonic clock, which nobody can set.
 */
const { now: wallNow } = Date
const hrtime = process.hrtime
const { setTimeout, clearTimeout, setImmediate } = globalThis

/** Epoch milliseconds. */
export const now = (): number => wallNow()

/**
 * Milliseconds of the machine's monotonic clock. They are comparable between the processes of one
 * boot.
 */
export function monotonic(): number {
  const [seconds, nanoseconds] = hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

export type Timer = ReturnType<typeof setTimeout>

/** `ms` must be under 2^31 (24.8 days). A longer timer overflows and fires at once. */
export const startTimer = (callback: () => void, ms: number): Timer => setTimeout(callback, ms)
export const stopTimer = (timer: Timer | undefined): void => clearTimeout(timer)

/**
 * Waits. An abort ends the wait early. Keeps the process alive, because somebody waits for each
 * caller.
 */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal?.addEventListener('abort', end)
  })
}

/**
 * A sleep that is taken repeatedly and that `wake` ends early. An AbortController for each sleep
 * would do the same at twice the cost.
 */
export class WakeableSleep {
  #isWoken = false
  #endSleep: (() => void) | undefined

  /**
   * Forgets earlier calls of `wake`. A `wake` after this call ends the next sleep, even before that
   * sleep begins.
   */
  reset(): void {
    this.#isWoken = false
  }

  wake(): void {
    this.#isWoken = true
    this.#endSleep?.()
  }

  sleep(ms: number): Promise<void> {
    if (this.#isWoken) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#endSleep = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/**
 * Calls back after the running code and all promises that it settles, and before the process can
 * wait for any event.
 */
export const nextTick: (callback: (...args: unknown[]) => void, ...args: unknown[]) => void = process.nextTick.bind(process)

/** Work that would keep the event loop for longer than this lets other callers in between. */
const MAX_STRETCH_MS = 10

/** Returns a function for a long loop to await in each round: now and then it lets the event loop turn. */
export function takingTurns(): () => Promise<void> | undefined {
  let since = monotonic()
  return () => {
    if (monotonic() - since < MAX_STRETCH_MS) return undefined
    return new Promise((resolve) => {
      setImmediate(() => {
        since = monotonic()
        resolve()
      })
    })
  }
}

let tick = 0
let isEndScheduled = false

/**
 * Returns the number of the current tick: the stretch of code between two waits of the event loop.
 * A value that was computed in one tick can be reused within it without reading the clock. A tick
 * can last for ever, so users of this number must also limit how often they reuse a value. The tick
 * is not ended by an immediate: after a long wait the event loop handles input before immediates.
 */
export function currentTick(): number {
  if (!isEndScheduled) {
    isEndScheduled = true
    nextTick(endTick)
  }
  return tick
}

/**
 * The number that `currentTick` returned last. A value kept under a lower number is out of date.
 */
export const latestTick = (): number => tick

function endTick(): void {
  isEndScheduled = false
  tick++
}
