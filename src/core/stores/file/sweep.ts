import { join } from 'node:path'
import { isRemovalOver } from '../../model/removal.js'
import { now } from '../../shared/clock.js'
import {
  damagedFile,
  encodeKey,
  keyLock,
  ledgerFile,
  lockFolder,
  parsePreparedLock,
  recordFile,
  removedFile,
  removedFolder,
} from './file-names.js'
import type { Folder } from './folder.js'
import * as io from './fs.js'
import { readLedger } from './ledger-file.js'
import { isAbandoned, isDead } from './liveness.js'
import { FileLock, ownerName } from './lock.js'
import { discardPrepared, ownerNameIn, removeIfEmpty, removeOwner } from './lock-folder.js'

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

/** The removed keys that one call deals with. Removing a key takes one call too, so that none pile up. */
const MAX_KEYS_DELETED = 8
/** The time for which a removed key's lock is held at most, if this process is stopped meanwhile. */
const DELETION_TIMEOUT_MS = 5000
/** Due times are rounded up to a step, so that their folders are few: about this many for a period. */
const STEPS_PER_PERIOD = 16
const MIN_STEP_MS = 1000

/**
 * Notes that the ledger of a removed key can be deleted from `keepUntil` on. A fetch finds what is due
 * by this note, without a search among the ledgers of all keys.
 */
export function scheduleDeletion(folder: Folder, key: string, keepUntil: number): void {
  const step = 2 ** Math.floor(Math.log2(Math.max(MIN_STEP_MS, (keepUntil - now()) / STEPS_PER_PERIOD)))
  const due = Math.ceil(keepUntil / step) * step
  try {
    for (const path of [removedFolder(folder.path), join(removedFolder(folder.path), String(due))]) {
      if (!folder.checkSubfolder(path)) folder.makeSubfolder(path)
    }
    folder.createFile(removedFile(folder.path, due, key), Buffer.from(key))
  } catch {
    // The ledger stays. A removal must not fail for it.
  }
}

/** Deletes what is left of removed keys whose time is over: a few in each call. */
export function deleteOverdueLedgers(folder: Folder): void {
  try {
    const root = removedFolder(folder.path)
    if (!folder.checkSubfolder(root)) return
    const due = io
      .listSome(root, MAX_NAMES_READ)
      .filter((name) => Number(name) <= now())
      .sort((a, b) => Number(a) - Number(b))[0]
    if (due === undefined || !folder.checkSubfolder(join(root, due))) return
    for (const name of io.listSome(join(root, due), MAX_KEYS_DELETED)) {
      const note = join(root, due, name)
      if (isDealtWith(folder, note, name)) io.remove(note)
    }
    removeIfEmpty(join(root, due))
  } catch {
    // The next holder of a lease tries again.
  }
}

/** Whether the note is of no more use: the ledger is deleted, or the key is used again. */
function isDealtWith(folder: Folder, note: string, name: string): boolean {
  const { path: dir } = folder
  const key = io.readFile(note)?.bytes.toString() ?? ''
  if (encodeKey(key) !== name) return true
  // Whoever has the key's lock may be about to use the ledger. Its fencing token orders nothing.
  const lock = new FileLock(folder, key, DELETION_TIMEOUT_MS, (evicted) => evicted + 1)
  if (ownerName(dir, key) !== undefined || !lock.acquire(0)) return false
  try {
    const ledger = io.stat(recordFile(dir, key)) === undefined ? readLedger(folder, key) : undefined
    if (ledger !== undefined && isRemovalOver(ledger, now())) {
      for (const path of [ledgerFile(dir, key), damagedFile(dir, key)]) io.remove(path)
    }
    return true
  } finally {
    lock.release()
  }
}
