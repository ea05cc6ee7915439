import { join } from 'node:path'
import type { Ledger } from '../../../index.js'
import { storeError } from '../../errors.js'
import { decodeLedger, encodeLedger } from '../../record.js'
import type { Folder } from './folder.js'
import * as io from './io.js'
import { isLedgerLitter, ledgerFile, stateFolder } from './names.js'

/**
 * The ledgers, and the only user of write-file-atomic. A ledger is written under the key's lease only, so its temporary
 * names need not be safe against other writers.
 */
export function readLedger(folder: Folder, key: string): Ledger | undefined {
  if (!folder.check()) return undefined
  const path = ledgerFile(folder.path, key)
  const found = io.readFile(path)
  if (found === undefined) return undefined
  const ledger = decodeLedger(found.bytes.toString())
  if (ledger === 'newer') throw storeError(path, 'was written by a newer dotdog', undefined, key)
  if (ledger !== 'damaged') return ledger
  folder.warn('ERR_DOG_STORE', `${path} is damaged: its attempts and failures are forgotten`)
  return undefined
}

export async function writeLedger(folder: Folder, key: string, ledger: Ledger): Promise<void> {
  const { default: writeFileAtomic } = await import('write-file-atomic')
  const path = ledgerFile(folder.path, key)
  try {
    // A fresh object: it writes into the one it is given. No fsync: it must outlive a killed process, not a power cut.
    await writeFileAtomic(path, encodeLedger(key, ledger), { mode: folder.fileMode ?? 0o600, fsync: false })
  } catch (error) {
    throw storeError(path, `cannot be written${io.ownerOf(path)}`, error, key)
  }
}

/** Removes what a killed writer left. Under the key's lease. */
export function sweepLedger(folder: Folder, key: string): void {
  const state = stateFolder(folder.path)
  for (const name of io.list(state)) if (isLedgerLitter(name, key)) io.remove(join(state, name))
}
