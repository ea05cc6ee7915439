import { join } from 'node:path'
import type { Ledger } from '../../../index.js'
import { storeError } from '../../errors.js'
import { decodeLedger, encodeLedger } from '../../record.js'
import type { Folder } from './folder.js'
import * as io from './io.js'
import type { Lock } from './lock.js'
import { isLedgerLitter, ledgerFile, nextLedgerFile, stateFolder } from './names.js'

/**
 * The ledgers, and the only user of write-file-atomic. A ledger is written under the key's lease only, so its temporary
 * names need not be safe against other writers.
 */
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
export async function writeLedger(folder: Folder, lock: Lock, ledger: Ledger): Promise<void> {
  const { default: writeFileAtomic } = await import('write-file-atomic')
  const path = ledgerFile(folder.path, lock.key)
  const next = nextLedgerFile(folder.path, lock.key, lock.owner?.nonce ?? '')
  try {
    // A fresh object: it writes into the one it is given. No fsync: it must outlive a killed process, not a power cut.
    // Synchronously: what it awaits otherwise (fs.realpath) waits for process.nextTick, which users fake.
    writeFileAtomic.sync(next, encodeLedger(lock.key, ledger), { mode: folder.fileMode ?? 0o600, fsync: false })
    // In one synchronous step: still ours, and in place.
    if (lock.held()) io.rename(next, path)
    else io.remove(next)
  } catch (error) {
    // A successor has swept it.
    if (!lock.held()) return
    throw storeError(path, `cannot be written${io.ownerOf(path)}`, error, lock.key)
  }
}

/** Removes what a killed writer left, under the key's lease. A courtesy: what cannot be removed stays. */
export function sweepLedger(folder: Folder, key: string): void {
  const state = stateFolder(folder.path)
  try {
    for (const name of io.list(state)) if (isLedgerLitter(name, key)) io.remove(join(state, name))
  } catch {}
}
