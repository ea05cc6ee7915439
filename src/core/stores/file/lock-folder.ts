import { join } from 'node:path'
import { parseOwner, tempLedgerFile } from './file-names.js'
import * as io from './fs.js'

/** The folders of locks, and the owner files in them. The rules of locking are in `lock.ts`. */

/** The number of further tries to rename where the file system does not replace an empty folder. */
const MAX_RENAME_RETRIES = 3

/**
 * The name of the owner file in a lock's folder. A symbolic link is refused: behind it this process
 * would judge, and unlink, the files of somebody else.
 */
export function ownerNameIn(lock: string): string | undefined {
  const found = io.stat(lock)
  if (found === undefined) return undefined
  if (!found.isDirectory()) throw new Error('not a folder')
  return io.list(lock)[0]
}

/** The codes of a rename onto a folder that is not empty: of most systems, of Windows, sshfs and CIFS. */
const TAKEN_CODES = ['ENOTEMPTY', 'EEXIST']
const PERHAPS_TAKEN_CODES = [...TAKEN_CODES, 'EPERM', 'EACCES']

/**
 * Renames a folder onto another. Returns `false` if that one is not empty: somebody holds the lock.
 * Then the rename is refused, with whatever code the file system has for it.
 */
export function renameOnto(from: string, to: string): boolean {
  for (let retries = 0; ; retries++) {
    try {
      io.rename(from, to)
      return true
    } catch (error) {
      const code = io.codeOf(error) ?? ''
      if (hasFile(to)) return false
      if (!PERHAPS_TAKEN_CODES.includes(code)) throw error
      if (retries === MAX_RENAME_RETRIES) {
        if (TAKEN_CODES.includes(code)) return false
        throw error
      }
      // Windows and some file systems do not replace a folder, not even an empty one, so it is
      // removed first.
      removeIfEmpty(to)
    }
  }
}

/** Whether somebody's file is in a folder, as far as this process can tell. */
function hasFile(folder: string): boolean {
  try {
    return io.list(folder).length > 0
  } catch {
    return false
  }
}

/**
 * Removes the owner file of a dead holder, and the ledger that it was writing: a holder that is only
 * stopped may be about to rename it onto its successor's. It is removed before anybody can succeed,
 * and once more in case it was begun in between.
 */
export function removeOwner(dir: string, lock: string, name: string): void {
  const owner = parseOwner(name)
  const discardLedger = () => owner && io.discard(tempLedgerFile(dir, lock, owner))
  discardLedger()
  io.remove(join(lock, name))
  discardLedger()
}

export function removeIfEmpty(folder: string): void {
  try {
    io.removeFolder(folder)
  } catch {
    // It is not empty, or it is gone. In both cases it does not belong to this process.
  }
}

/** Removes a prepared lock that did not become the key's lock. */
export function discardPrepared(prepared: string, name: string): void {
  try {
    io.remove(join(prepared, name))
    io.removeFolder(prepared)
  } catch {
    // It is gone already, or the fault that made the acquisition fail prevents this too. The next
    // acquisition sweeps it.
  }
}
