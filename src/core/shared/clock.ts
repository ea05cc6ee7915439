/**
 * All time comes from here. The functions are captured when the module loads, so that a user's fake timers stop nobody.
 * Wall-clock time stands in records; everything that is measured uses the monotonic clock, which no one can set.
 */
const { now: wallNow } = Date
const hrtime = process.hrtime
const { setTimeout, clearTimeout } = globalThis

/** Epoch milliseconds. */
export const now = (): number => wallNow()

/** Milliseconds of the machine's monotonic clock: comparable between the processes of one boot. */
export function monotonic(): number {
  const [seconds, nanoseconds] = hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

export type Timer = ReturnType<typeof setTimeout>

/** `ms` must be under 2^31 (24.8 days), or the timer fires at once. */
export const startTimer = (callback: () => void, ms: number): Timer => setTimeout(callback, ms)
export const stopTimer = (timer: Timer | undefined): void => clearTimeout(timer)

/** Waits; an abort ends the wait early. Keeps the process alive, as its callers have somebody waiting. */
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

/** A wait that is taken again and again, and that others end. Without an AbortController for each, which doubles its price. */
export class WakeableSleep {
  #isOver = false
  #leave: (() => void) | undefined

  /** What ends it from now on counts, also before it is taken. */
  reset(): void {
    this.#isOver = false
  }

  wake(): void {
    this.#isOver = true
    this.#leave?.()
  }

  sleep(ms: number): Promise<void> {
    if (this.#isOver) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#leave = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** Calls back when the code that runs now, and all promises it settles, are done: before the process can wait for anything. */
export const nextTick: (callback: (...args: unknown[]) => void, ...args: unknown[]) => void = process.nextTick.bind(process)

let tick = 0
let isEnding = false

/**
 * Numbers the stretches of code between two waits of the event loop, so that what was computed in one can be used again in
 * it without reading the clock. One that never ends must not rely on it for ever: users count their uses (see Entry). Not by
 * an immediate: after a long wait, input is handled before it.
 */
export function currentTick(): number {
  if (!isEnding) {
    isEnding = true
    nextTick(endTick)
  }
  return tick
}

/** The turn that was numbered last: what was kept under another number is of the past. */
export const latestTick = (): number => tick

function endTick(): void {
  isEnding = false
  tick++
}
