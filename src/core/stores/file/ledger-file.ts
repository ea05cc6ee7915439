import { join } from 'node:path'
import type { Ledger } from '../../../../index.js'
import { storeError } from '../../model/errors.js'
import { decodeLedger, encodeLedger } from '../../shared/format.js'
import { isStaleTemp, ledgerFile, nextLedgerFile, stateFolder } from './file-names.js'
import type { Folder } from './folder.js'
import * as io from './fs.js'
import type { FileLock } from './lock.js'

/** The ledgers. Each is written under its key's lease only. */

export function readLedger(folder: Folder, key: string): Ledger | undefined {
  if (!folder.check()) return undefined
  if (!folder.checkInside(stateFolder(folder.path))) return undefined
  const path = ledgerFile(folder.path, key)
  const found = io.readFile(path)
  if (found === undefined) return undefined
  folder.protect(path, found.stat)
  const ledger = decodeLedger(found.bytes.toString())
  if (ledger === 'newer') throw storeError(path, 'was written by a newer dotdog', undefined, key)
  if (ledger !== 'damaged') return ledger
  folder.warn('ERR_DOG_STORE', `${path} is damaged: its attempts and failures are forgotten`)
  return undefined
}

/** Writes it, unless the lock is lost: a ledger of the past must not replace a successor's. */
export async function writeLedger(folder: Folder, lock: FileLock, ledger: Ledger): Promise<void> {
  const path = ledgerFile(folder.path, lock.key)
  const next = nextLedgerFile(folder.path, lock.key, lock.owner?.nonce ?? '')
  try {
    // No fsync: it must outlive a killed process, not a power cut.
    createAnew(next, Buffer.from(encodeLedger(lock.key, ledger)), folder.fileMode ?? 0o600)
    // In one synchronous step: still ours, and in place.
    if (lock.isHeld()) io.rename(next, path)
    else io.remove(next)
  } catch (error) {
    discard(next)
    // A successor has swept it.
    if (!lock.isHeld()) return
    throw storeError(path, `cannot be written${io.ownerOf(path)}`, error, lock.key)
  }
}

/** What was left or put there is removed: never followed, never written into. */
function createAnew(path: string, bytes: Buffer, mode: number): void {
  try {
    io.createFile(path, bytes, mode)
  } catch (error) {
    if (io.codeOf(error) !== 'EEXIST') throw error
    io.remove(path)
    io.createFile(path, bytes, mode)
  }
}

function discard(path: string): void {
  try {
    io.remove(path)
  } catch {
    // Swept under the next lease.
  }
}

/** Removes what a killed writer left, under the key's lease. A courtesy: what cannot be removed stays. */
export function sweepLedger(folder: Folder, key: string): void {
  const state = stateFolder(folder.path)
  try {
    for (const name of io.list(state)) if (isStaleTemp(name, key)) io.remove(join(state, name))
  } catch {}
}
