import { join } from 'node:path'
import { keyLock, lockFolder, parsePreparedLock } from './file-names.js'
import * as io from './fs.js'
import { isAbandoned, isDead } from './liveness.js'
import { discardPrepared, ownerNameIn, removeIfEmpty, removeOwner } from './lock.js'

/** The names of `.lock` that one sweep reads, and how many of them it judges: about 0.5 ms. */
const MAX_NAMES_READ = 256
const MAX_NAMES_JUDGED = 32

/**
 * Clears `.lock` of what killed processes left behind: prepared locks, and locks of dead holders.
 * Each holder of a lease calls this once. It is a courtesy: what cannot be removed stays, and no
 * fetch depends on it.
 *
 * The work is bounded, however many keys are being fetched: of a long list it judges a random
 * stretch, so that everything is judged in time. The lock of `key` itself is left alone: the caller
 * holds it.
 */
export function sweep(dir: string, key: string): void {
  const locks = lockFolder(dir)
  const own = keyLock(dir, key)
  for (const name of someOf(namesIn(locks))) {
    const path = join(locks, name)
    if (path === own) continue
    try {
      const preparing = parsePreparedLock(name)
      if (preparing !== undefined) {
        // Through a symbolic link this process would remove somebody else's file.
        if (io.stat(path)?.isDirectory() && isAbandoned(path, preparing)) discardPrepared(path, preparing.name)
        continue
      }
      const owner = ownerNameIn(path)
      if (owner !== undefined && isDead(path, owner)) removeOwner(dir, path, owner)
      removeIfEmpty(path)
    } catch {
      // It belongs to somebody else, or it cannot be reached. A process that needs this very lock
      // reports the error.
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return io.listSome(folder, MAX_NAMES_READ)
  } catch {
    return []
  }
}

function someOf(names: string[]): string[] {
  if (names.length <= MAX_NAMES_JUDGED) return names
  const start = Math.floor(Math.random() * names.length)
  return [...names.slice(start), ...names.slice(0, start)].slice(0, MAX_NAMES_JUDGED)
}
