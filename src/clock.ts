/**
 * All time comes from here. The functions are captured when the module loads, so that a user's fake timers stop nobody.
 * Wall-clock time stands in records; everything that is measured uses the monotonic clock, which no one can set.
 */
const { now: wallNow } = Date
const hrtime = process.hrtime
const { setTimeout, clearTimeout, setImmediate } = globalThis

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

let turn = 0
let ending = false

/**
 * Numbers the event loop's turns, so that what was computed in this turn can be used again without reading the clock.
 * A program that never ends its turn must not rely on it for ever: users count their uses (see Keeper).
 */
export function thisTurn(): number {
  if (!ending) {
    ending = true
    setImmediate(() => {
      ending = false
      turn++
    }).unref()
  }
  return turn
}
