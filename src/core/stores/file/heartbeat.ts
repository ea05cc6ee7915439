import { now, startTimer, stopTimer } from '../../shared/clock.js'
import { codeOf } from './fs.js'
import type { FileLock } from './lock.js'

/**
 * The only user of proper-lockfile. It runs the lock's life: heartbeat, compromised, release, and release when the process
 * exits. Which of these succeeds is decided by our rules: every path operation it makes is mapped to one on the lock, its
 * `stale` never decides, and it can only ever remove what is ours.
 */

/** Milliseconds between signs of life. A fifth of the silence that counts as death. */
const HEARTBEAT_MS = 2000

/** Another copy of this package in the process may share the library, and its table, with us. */
const copy = Math.random().toString(36).slice(2)
let takes = 0

/**
 * Takes the lock. `undefined`: somebody else has it. The result stops the heartbeat and lets go.
 *
 * It is taken before the library is loaded: of many processes that ask at once all would find it free while they load, and
 * load what only one of them needs.
 */
export async function acquireLock(lock: FileLock, size: number, lost: () => void): Promise<(() => Promise<void>) | undefined> {
  if (!lock.acquire(size)) return undefined
  let beat = new Date(0)
  const lookAt = () => {
    if (!lock.isHeld()) throw Object.assign(new Error('lost'), { code: 'ENOENT' })
    return { mtime: beat }
  }
  const operations = {
    mkdir: lookAt,
    // The time we set last, as long as the file is there.
    stat: lookAt,
    rmdir: () => lock.release(),
    utimes: (_atime: Date, mtime: Date) => {
      lock.heartbeat(mtime)
      beat = mtime
    },
  }

  try {
    const { default: lockfile } = await import('proper-lockfile')
    // Its table of locks is keyed by this name: no two takes may share one.
    const letGo = await lockfile.lock(`take-${copy}-${++takes}`, {
      realpath: false,
      stale: 5 * HEARTBEAT_MS,
      update: HEARTBEAT_MS,
      retries: 0,
      fs: withCallbacks(operations),
      onCompromised: lost,
    })
    const stop = startHeartbeat(lock)
    return () => {
      stop()
      return letGo()
    }
  } catch (error) {
    lock.release()
    // Lost again before it could be told.
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** proper-lockfile's shape of `fs`: (path, …arguments, callback), and the one synchronous call of its exit hook. */
function withCallbacks(operations: Record<string, (...args: never[]) => unknown>): Record<string, unknown> {
  const fs: Record<string, unknown> = { rmdirSync: operations.rmdir }
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

/** Beats beside the library: its timer is the global one of the moment, which users' fake timers may hold up. */
function startHeartbeat(lock: FileLock): () => void {
  const start = () => {
    const timer = startTimer(() => {
      try {
        lock.heartbeat(new Date(now()))
      } catch (error) {
        // Any other fault may pass, and who cannot see our pid counts the silence.
        if (codeOf(error) === 'ENOENT') return
      }
      current = start()
    }, HEARTBEAT_MS)
    timer.unref()
    return timer
  }
  let current = start()
  return () => stopTimer(current)
}
