import { type FSWatcher, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'

/** From a sign of a change to the check: an editor writes in several steps. */
const SETTLE_MS = 100
/**
 * Between two checks without a sign: the folder's watcher may miss changes, or may not be
 * available.
 */
const POLL_INTERVAL_MS = 2000

/**
 * Calls back when a file has changed. Keeps no process alive.
 *
 * @param initialVersion the {@link fileVersion} before the file was first read: a later change
 * counts
 * @returns a function that ends the watch
 */
export function watchFile(path: string, initialVersion: string | undefined, onChange: () => void): () => void {
  let lastVersion = initialVersion
  let pending: NodeJS.Timeout | undefined
  let watcher: FSWatcher | undefined

  const check = () => {
    pending = undefined
    const version = fileVersion(path)
    // In the middle of a replacement there is no file. An unreadable file counts as unchanged.
    if (version === lastVersion || version === undefined) return
    lastVersion = version
    onChange()
  }
  const scheduleCheck = () => {
    pending ??= setTimeout(check, SETTLE_MS).unref()
  }

  try {
    // The folder is watched, because a replaced file is another file. Every event in it counts,
    // because the file may be a link to one that changes.
    watcher = watch(dirname(path), { persistent: false }, scheduleCheck)
    watcher.on('error', () => watcher?.close())
  } catch {
    // The poll finds the change.
  }
  const poll = setInterval(scheduleCheck, POLL_INTERVAL_MS).unref()
  return () => {
    watcher?.close()
    clearInterval(poll)
    clearTimeout(pending)
  }
}

/** Differs for every state of the file. Undefined if there is no file, or it cannot be checked. */
export function fileVersion(path: string): string | undefined {
  try {
    const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true })
    return `${dev}:${ino}:${size}:${mtimeNs}`
  } catch {
    return undefined
  }
}
