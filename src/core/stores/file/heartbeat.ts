import { atExit } from '../../shared/at-exit.js'
import { now, startTimer, stopTimer } from '../../shared/clock.js'
import { codeOf } from './fs.js'
import type { FileLock } from './lock.js'

/**
 * The only user of proper-lockfile. The library runs the life of a lock: it sends heartbeats,
 * notices that the lock was lost, and releases it. The rules of `lock.ts` decide which of these
 * succeeds: every path operation of the library is mapped to one on the lock, its `stale` never
 * decides anything, it can only ever remove a file of this process, and its exit hook removes
 * nothing: a lock is kept as long as the process lives.
 */

/** A fifth of HEARTBEAT_TIMEOUT_MS, after which a holder counts as dead. */
const HEARTBEAT_MS = 2000

/**
 * Another copy of this package in the process may share the library, and its table of locks, with
 * this one.
 */
const packageCopyId = Math.random().toString(36).slice(2)
let acquisitions = 0

/**
 * Takes the lock and starts its heartbeat. Returns the function that stops the heartbeat and
 * releases the lock, or `undefined` if somebody else has the lock.
 *
 * The lock is taken before the library is loaded. Otherwise many processes that ask at once would
 * all find the lock free while they load the library, which only one of them needs.
 */
export async function acquireLock(
  lock: FileLock,
  size: number,
  onLost: () => void,
): Promise<(() => Promise<void>) | undefined> {
  if (!lock.acquire(size)) return undefined
  let lastHeartbeat = new Date(0)
  /** Reports the time that was set last, as long as the owner file is there. */
  const statLock = () => {
    if (!lock.isHeld()) throw Object.assign(new Error('lost'), { code: 'ENOENT' })
    return { mtime: lastHeartbeat }
  }
  const operations = {
    mkdir: statLock,
    stat: statLock,
    rmdir: () => lock.release(),
    utimes: (_atime: Date, mtime: Date) => {
      lock.heartbeat(mtime)
      lastHeartbeat = mtime
    },
  }

  try {
    const { default: lockfile } = await import('proper-lockfile')
    // The library's table of locks is keyed by this name, so that no two acquisitions may share
    // one. The name is absolute, since the working folder may have been removed.
    const unlock = await lockfile.lock(`/take-${packageCopyId}-${++acquisitions}`, {
      realpath: false,
      stale: 5 * HEARTBEAT_MS,
      update: HEARTBEAT_MS,
      retries: 0,
      fs: withCallbacks(operations),
      onCompromised: onLost,
    })
    const stopHeartbeat = startHeartbeat(lock)
    const stopWaitingForExit = atExit(() => lock.release())
    return () => {
      stopHeartbeat()
      stopWaitingForExit()
      return unlock()
    }
  } catch (error) {
    lock.release()
    // The lock was lost again before it could be reported as taken.
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Gives operations the shape of `fs` for proper-lockfile: (path, …arguments, callback). Its exit
 * hook calls `rmdirSync` also at a signal that the process survives. So this does nothing, and
 * `atExit` releases the lock.
 */
function withCallbacks(operations: Record<string, (...args: never[]) => unknown>): Record<string, unknown> {
  const fs: Record<string, unknown> = { rmdirSync: () => {} }
  for (const [name, operation] of Object.entries(operations)) {
    fs[name] = (_path: string, ...args: unknown[]) => {
      const callback = args.pop() as (error: unknown, result?: unknown) => void
      let result: unknown
      try {
        result = operation(...(args as never[]))
      } catch (error) {
        return callback(error)
      }
      callback(null, result)
    }
  }
  return fs
}

/**
 * Sends a second heartbeat beside the library's. The library uses whatever `setTimeout` is global
 * at the moment, which may be a user's fake timer that never fires.
 */
function startHeartbeat(lock: FileLock): () => void {
  const scheduleNext = () => {
    const timer = startTimer(() => {
      try {
        lock.heartbeat(new Date(now()))
      } catch (error) {
        // ENOENT: the lock is lost. Any other fault may pass, and processes elsewhere count the
        // time without a heartbeat.
        if (codeOf(error) === 'ENOENT') return
      }
      current = scheduleNext()
    }, HEARTBEAT_MS)
    timer.unref()
    return timer
  }
  let current = scheduleNext()
  return () => stopTimer(current)
}
