import { closeSync, constants, fstatSync, lstatSync, opendirSync, openSync, readFileSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import type { FileFact, RecordFact } from './facts.js'

/** Reads folders and records, and never follows a link or waits for a FIFO. Nothing of a value is kept. */

/** A user may have a hundred thousand keys. The first ones show what is wrong with the folder. */
const MAX_NAMES = 2000
const MAX_RECORDS_READ = 500
const MAX_RECORD_BYTES = 1_048_576
const SUFFIX = '.dog'

/** At most {@link MAX_NAMES} names. */
export function listSome(folder: string): { names: string[]; isTruncated: boolean } {
  const names: string[] = []
  const handle = opendirSync(folder)
  try {
    for (let entry = handle.readSync(); entry !== null; entry = handle.readSync()) {
      if (names.length === MAX_NAMES) return { names, isTruncated: true }
      names.push(entry.name)
    }
  } finally {
    handle.closeSync()
  }
  return { names, isTruncated: false }
}

/** `undefined` for what is not there, or may not be seen. */
export function factOf(path: string): FileFact | undefined {
  try {
    return toFact(path, lstatSync(path))
  } catch {
    return undefined
  }
}

export function toFact(path: string, found: Stats): FileFact {
  const type = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : found.isSymbolicLink() ? 'link' : 'other'
  return { path, type, uid: found.uid, mode: found.mode & 0o1777, mtimeMs: found.mtimeMs }
}

export function inodeOf(folder: string): string | undefined {
  try {
    const found = statSync(folder)
    return found.isDirectory() ? `${found.dev}:${found.ino}` : undefined
  } catch {
    return undefined
  }
}

/** The records of a folder, as far as they can be read. */
export function readRecords(folder: string): { records: RecordFact[]; isTruncated: boolean } {
  try {
    const { names, isTruncated } = listSome(folder)
    const files = names.filter((name) => name.endsWith(SUFFIX) && name.length > SUFFIX.length)
    const records = files.slice(0, MAX_RECORDS_READ).flatMap((file) => readRecord(folder, file) ?? [])
    return { records, isTruncated }
  } catch {
    return { records: [], isTruncated: false }
  }
}

function readRecord(folder: string, file: string): RecordFact | undefined {
  let opened: number | undefined
  try {
    opened = openSync(join(folder, file), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
    const found = fstatSync(opened)
    if (!found.isFile() || found.size > MAX_RECORD_BYTES) return undefined
    const { identity, sealed, fetchedAt, expiresAt } = JSON.parse(readFileSync(opened, 'utf8')) as Record<string, unknown>
    if (typeof fetchedAt !== 'number' || typeof expiresAt !== 'number') return undefined
    const name = file.slice(0, -SUFFIX.length)
    const isSealed = sealed !== undefined
    return { name, identity: typeof identity === 'string' ? identity : undefined, isSealed, fetchedAt, expiresAt }
  } catch {
    // Who can read it, and what is wrong with it, other facts say.
    return undefined
  } finally {
    if (opened !== undefined) closeSync(opened)
  }
}
