import type { Ledger } from '../../../../index.js'
import { storeError } from '../../model/errors.js'
import { decodeLedger, encodeLedger } from '../../shared/format.js'
import { keyLock, ledgerFile, stateFolder, tempLedgerFile } from './file-names.js'
import type { Folder } from './folder.js'
import * as io from './fs.js'
import type { FileLock } from './lock.js'

/** Reads and writes the ledgers. A ledger is written only under the lease of its key. */

export function readLedger(folder: Folder, key: string): Ledger | undefined {
  if (!folder.check()) return undefined
  if (!folder.checkSubfolder(stateFolder(folder.path))) return undefined
  const path = ledgerFile(folder.path, key)
  const found = io.readFile(path)
  if (found === undefined) return undefined
  folder.protect(path, found.stat)
  const ledger = decodeLedger(found.bytes.toString())
  if (ledger === 'newer') throw storeError(path, 'was written by a newer dotdog', undefined, key)
  if (ledger !== 'damaged') return ledger
  folder.warn('ERR_DOG_STORE', `${path} is damaged: the recorded attempts and failures are lost`)
  return undefined
}

/**
 * Writes the ledger, unless the lock is lost: an outdated ledger must not replace that of a
 * successor.
 */
export async function writeLedger(folder: Folder, lock: FileLock, ledger: Ledger): Promise<void> {
  if (lock.owner === undefined) return
  const path = ledgerFile(folder.path, lock.key)
  const temp = tempLedgerFile(folder.path, keyLock(folder.path, lock.key), lock.owner)
  try {
    // There is no fsync: a ledger must outlive a killed process, not a power cut.
    recreateFile(folder, temp, Buffer.from(encodeLedger(lock.key, ledger)))
    // The check and the rename run in one synchronous step, so that no other code of this process
    // runs between them.
    if (lock.isHeld()) io.rename(temp, path)
    else io.remove(temp)
  } catch (error) {
    // What stays is removed by whoever evicts this process.
    io.discard(temp)
    // The lock is lost, and the successor has removed the temporary file.
    if (!lock.isHeld()) return
    throw storeError(path, `cannot be written${io.ownerOf(path, error)}`, error, lock.key)
  }
}

/**
 * Creates a file. A file or link that is already there is removed: it is never followed and never
 * written into.
 */
function recreateFile(folder: Folder, path: string, bytes: Buffer): void {
  try {
    folder.createFile(path, bytes)
  } catch (error) {
    if (io.codeOf(error) !== 'EEXIST') throw error
    io.remove(path)
    folder.createFile(path, bytes)
  }
}
