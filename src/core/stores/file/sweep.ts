import { join } from 'node:path'
import { isStaleTemp, keyLock, lockFolder, parsePreparedLock, stateFolder } from './file-names.js'
import * as io from './fs.js'
import { isAbandoned, isDead } from './liveness.js'
import { discardPrepared, ownerNameIn, removeIfEmpty } from './lock.js'

/**
 * Removes what killed processes left behind. Each holder of a lease calls this once. It is a
 * courtesy: what cannot be removed stays, and no fetch depends on it.
 */
export function sweep(dir: string, key: string): void {
  sweepLocks(dir, key)
  sweepLedgerTemps(dir, key)
}

/**
 * Clears `.lock` of prepared locks and of dead holders. The lock of `key` itself is left alone: the
 * caller holds it.
 */
function sweepLocks(dir: string, key: string): void {
  const locks = lockFolder(dir)
  for (const name of namesIn(locks)) {
    const path = join(locks, name)
    if (path === keyLock(dir, key)) continue
    try {
      const preparing = parsePreparedLock(name)
      if (preparing !== undefined) {
        // Through a symbolic link this process would remove somebody else's file.
        if (io.stat(path)?.isDirectory() && isAbandoned(path, preparing)) discardPrepared(path, preparing.name)
        continue
      }
      const owner = ownerNameIn(path)
      if (owner !== undefined && isDead(path, owner)) io.remove(join(path, owner))
      removeIfEmpty(path)
    } catch {
      // It belongs to somebody else, or it cannot be reached. A process that needs this very lock
      // reports the error.
    }
  }
}

/**
 * Removes the ledgers of this key that killed processes did not finish. The caller holds the key's
 * lease.
 */
function sweepLedgerTemps(dir: string, key: string): void {
  const state = stateFolder(dir)
  try {
    for (const name of io.list(state)) if (isStaleTemp(name, key)) io.remove(join(state, name))
  } catch {
    // The next holder tries again.
  }
}

function namesIn(folder: string): string[] {
  try {
    return io.list(folder)
  } catch {
    return []
  }
}
