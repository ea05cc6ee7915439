// The configuration, looked at again when it has changed.
import { type FSWatcher, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'

/** Milliseconds from a change to the look: an editor writes in several steps. */
const SETTLE = 100
/** Milliseconds between two looks without a sign: a folder's watcher may be deaf, or not to be had. */
const BACKSTOP = 2000

/**
 * @param read the file's stamp before it was read: what changed since then is a change
 * @returns what ends the watch. It keeps no process alive.
 */
export function watchFile(path: string, read: string | undefined, onChange: () => void): () => void {
  let seen = read
  let pending: NodeJS.Timeout | undefined
  let watcher: FSWatcher | undefined

  const look = () => {
    pending = undefined
    const stamp = stampOf(path)
    // In the middle of a replacement there is none. What cannot be looked at is as it was.
    if (stamp === seen || stamp === undefined) return
    seen = stamp
    onChange()
  }
  const soon = () => {
    pending ??= setTimeout(look, SETTLE).unref()
  }

  try {
    // The folder, since a file that is replaced is another one; whatever happens there, since it may be a link to one that is.
    watcher = watch(dirname(path), { persistent: false }, soon)
    watcher.on('error', () => watcher?.close())
  } catch {
    // The backstop finds it.
  }
  const backstop = setInterval(soon, BACKSTOP).unref()
  return () => {
    watcher?.close()
    clearInterval(backstop)
    clearTimeout(pending)
  }
}

/** Unlike any other state of the file. Undefined: there is none, or none that can be looked at. */
export function stampOf(path: string): string | undefined {
  try {
    const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true })
    return `${dev}:${ino}:${size}:${mtimeNs}`
  } catch {
    return undefined
  }
}
