import { monotonic, WakeableSleep } from '../../shared/clock.js'
import type { FolderWatcher } from './folder-watcher.js'

/**
 * A waiter polls at intervals that grow from the minimum to a maximum. Usually the watcher wakes it
 * before.
 */
const MIN_POLL_MS = 5
const POLL_STEP_MS = 5
const MAX_POLL_MS = 100
const MAX_POLL_WITHOUT_WATCHER_MS = 25
/**
 * If a waiter's timer fires late, the machine is busy, and hundreds of polling waiters would keep
 * it from the fetch. The waiter then sleeps longer by a multiple of the delay, up to this limit.
 */
const MAX_BUSY_DELAY_MS = 250
const BUSY_DELAY_FACTOR = 4
/**
 * In a slow folder the checks of many waiters would keep the holder from its own calls. A waiter rests
 * for a multiple of the time that its checks took, up to this limit.
 */
const MAX_SLOW_DELAY_MS = 5000
const SLOW_DELAY_FACTOR = 8
/** Checks that take less than this are not slow. */
const SLOW_CHECK_MS = 5
/**
 * A waiter judges the holder at every fourth poll. Between these it only checks that the lock and
 * its pid are still there, which does not notice a dead process that was not reaped, or a holder
 * that is overdue.
 */
const POLLS_PER_JUDGEMENT = 4

/** What a waiter asks of the store. */
export interface WaitedKey {
  /** Wakes the waiter where it works; the polls are the backstop. */
  watcher: FolderWatcher
  signal: AbortSignal
  /** Whether the record is another one than before. The first check reads it, later ones only its status. */
  isChanged(isFirst: boolean): Promise<boolean>
  /** Judges the holder: false if the lock is free, or its holder is dead or overdue. */
  hasHolder(): boolean
  /** The name of the lock's owner file. */
  ownerName(): string | undefined
  /** Whether that owner file, and its process, are still there: a cheap check. */
  isStillHeld(owner: string): boolean
}

/**
 * Waits until the record changes, the lock is released, its holder is dead, or the signal aborts. The
 * waiter does not take the lock: whoever waits tries that next.
 */
export async function waitForChange(waited: WaitedKey): Promise<void> {
  const { watcher, signal } = waited
  const sleep = new WakeableSleep()
  const wake = () => sleep.wake()
  const unsubscribe = watcher.subscribe(wake)
  signal.addEventListener('abort', wake)
  let owner: string | undefined
  try {
    for (let polls = 0, pollMs = MIN_POLL_MS, busyDelayMs = 0; !signal.aborted; polls++) {
      sleep.reset()
      const checkedAt = monotonic()
      if (await waited.isChanged(polls === 0)) return
      // Judging a holder costs five times as much as checking that its lock and its pid are still there.
      if (polls % POLLS_PER_JUDGEMENT === 0 || owner === undefined || !waited.isStillHeld(owner)) {
        if (!waited.hasHolder()) return
        owner = waited.ownerName()
      }
      const startedAt = monotonic()
      const checkMs = startedAt - checkedAt
      const slowDelayMs = checkMs < SLOW_CHECK_MS ? 0 : Math.min(MAX_SLOW_DELAY_MS, checkMs * SLOW_DELAY_FACTOR)
      await sleep.sleep(pollMs + busyDelayMs + slowDelayMs)
      const isWatching = watcher.isOn
      const overrunMs = monotonic() - startedAt - pollMs - busyDelayMs - slowDelayMs
      busyDelayMs = isWatching ? 0 : Math.max(0, Math.min(MAX_BUSY_DELAY_MS, overrunMs * BUSY_DELAY_FACTOR))
      pollMs = Math.min(isWatching ? MAX_POLL_MS : MAX_POLL_WITHOUT_WATCHER_MS, pollMs + POLL_STEP_MS)
    }
  } finally {
    signal.removeEventListener('abort', wake)
    unsubscribe()
  }
}
