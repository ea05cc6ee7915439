import { readFileSync, realpathSync, statfsSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { FileFact, FolderFacts, LockFact, MountFact } from './facts.js'
import { parseMounts } from './mounts.js'
import { factOf, listSome, readRecords, toFact } from './read-folder.js'

/** The folder of the values: modes, owners, locks, leftovers and its file system. Nothing is changed. */

/** A prepared lock, or a ledger that is being written, of a process that lives is younger. */
const LEFTOVER_AGE_MS = 60_000
const WRITABLE_BY_OTHERS = 0o022
const STICKY = 0o1000

/** @throws the system's error, if the folder may not be looked into. */
export function folderFacts(dir: string): FolderFacts {
  const found = statSync(dir, { throwIfNoEntry: false })
  const facts: FolderFacts = {
    dir,
    exists: found !== undefined,
    writableParents: writableParents(dir),
    folder: found && toFact(dir, found),
    files: [],
    isTruncated: false,
    records: [],
    locks: [],
    leftovers: [],
    mount: mountOf(dir),
    freeBytes: freeBytesOf(dir),
  }
  if (!found?.isDirectory()) return facts
  const { names, isTruncated } = listSome(dir)
  const own = names.filter((name) => name.endsWith('.dog') || name === '.state' || name === '.lock')
  facts.isTruncated = isTruncated
  facts.files = own.flatMap((name) => factOf(join(dir, name)) ?? [])
  facts.records = readRecords(dir).records
  const state = filesIn(join(dir, '.state'))
  facts.files.push(...state)
  const locks = filesIn(join(dir, '.lock'))
  facts.files.push(...locks)
  facts.locks = locks.flatMap((lock) => lockFact(lock) ?? [])
  facts.leftovers = [
    ...state.filter(({ path, mtimeMs }) => /\.damaged$/.test(path) || (/\.json\.[0-9a-f]{16}$/.test(path) && isOld(mtimeMs))),
    ...locks.filter(({ path, mtimeMs }) => basename(path).startsWith('~') && isOld(mtimeMs)),
  ]
  return facts
}

const isOld = (mtimeMs: number): boolean => Date.now() - mtimeMs > LEFTOVER_AGE_MS

/** The files of a subfolder. One that is a link is left alone: it leads elsewhere. */
function filesIn(folder: string): FileFact[] {
  if (factOf(folder)?.type !== 'folder') return []
  try {
    return listSome(folder).names.flatMap((name) => factOf(join(folder, name)) ?? [])
  } catch {
    return []
  }
}

/** The owner file's name begins with the fencing token, the process scope and the pid. */
function lockFact({ path, type }: FileFact): LockFact | undefined {
  const name = basename(path)
  if (type !== 'folder' || name.startsWith('~')) return undefined
  const owner = filesIn(path)[0]
  if (owner === undefined) return undefined
  const pid = Number(basename(owner.path).split('.')[2])
  return { name, pid: Number.isInteger(pid) ? pid : undefined, heartbeatMs: owner.mtimeMs, isStopped: isStopped(pid) }
}

function isStopped(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return /^[Tt]/.test(text.slice(text.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

/** Whoever can rename a parent can put another folder in the place of this one. */
function writableParents(dir: string): FileFact[] {
  const parents: FileFact[] = []
  for (let folder = dirname(dir); ; folder = dirname(folder)) {
    const found = statSync(folder, { throwIfNoEntry: false })
    if (found !== undefined && found.mode & WRITABLE_BY_OTHERS && !(found.mode & STICKY)) parents.push(toFact(folder, found))
    if (folder === dirname(folder)) return parents
  }
}

/** The nearest folder that exists, at or above. */
function existing(dir: string): string {
  for (let folder = dir; ; folder = dirname(folder)) {
    if (statSync(folder, { throwIfNoEntry: false }) !== undefined || folder === dirname(folder)) return folder
  }
}

function mountOf(dir: string): MountFact | undefined {
  try {
    return parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'), realpathSync(existing(dir)))
  } catch {
    return undefined
  }
}

function freeBytesOf(dir: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(existing(dir))
    return bavail * bsize
  } catch {
    return undefined
  }
}
