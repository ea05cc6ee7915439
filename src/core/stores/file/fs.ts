import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  type Dir,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  opendirSync,
  openSync,
  readdirSync,
  readSync,
  type Stats,
  statSync,
  unlinkSync,
  watch,
  writeSync,
} from 'node:fs'
import { storeError } from '../../model/errors.js'
import { codeOf, withFreshPath } from '../../shared/system-code.js'

/**
 * The only importer of `fs`, so that a test can make its n-th call fail. All operations are
 * synchronous: a stat takes 1.4 µs, and its promise 60 times that. Functions are imported by name,
 * because a namespace import is copied at every start. This file knows nothing of keys, records or
 * locks.
 */

/** The largest size of a record or ledger. */
export const MAX_FILE_BYTES = 1024 * 1024

export type FileStat = Pick<Stats, 'ino' | 'size' | 'mtimeMs' | 'ctimeMs' | 'uid'>

export { codeOf }

const isGone = (error: unknown): boolean => ['ENOENT', 'ESTALE'].includes(codeOf(error) ?? '')

/** The stat of a path itself, which may be a symbolic link. `undefined` if it does not exist. */
export function stat(path: string): Stats | undefined {
  return withFreshPath(() => lstatSync(path, { throwIfNoEntry: false }))
}

/** The stat of the target of a path, behind symbolic links. `undefined` if it does not exist. */
export function statFollowingLinks(path: string): Stats | undefined {
  return withFreshPath(() => statSync(path, { throwIfNoEntry: false }))
}

/** The names in a folder. An empty list if the folder does not exist. */
export function list(path: string): string[] {
  try {
    return withFreshPath(() => readdirSync(path))
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

/**
 * Some names in a folder, at most `max`, in the order in which the system lists them. The cost does
 * not grow with the folder. An empty list if the folder does not exist.
 */
export function listSome(path: string, max: number): string[] {
  const names: string[] = []
  if (max > 0) for (const name of listEach(path)) if (names.push(name) >= max) break
  return names
}

/**
 * The names in a folder, read as they are asked for. While the folder changes, a name may come
 * twice. None if the folder does not exist.
 */
export function* listEach(path: string): Iterable<string> {
  let folder: Dir
  try {
    folder = withFreshPath(() => opendirSync(path))
  } catch (error) {
    if (isGone(error)) return
    throw error
  }
  try {
    for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) yield entry.name
  } finally {
    folder.closeSync()
  }
}

/**
 * The bytes and stat of a file, or `undefined` if it does not exist. Never follows a symbolic link
 * and never waits for a FIFO: with a link another user would decide what this process reads, and
 * with a FIFO whether the call returns.
 *
 * @throws DogError `ERR_DOG_STORE`
 */
export function readFile(path: string): { bytes: Buffer; stat: Stats } | undefined {
  return withFreshPath(() => readOpened(path))
}

function readOpened(path: string): { bytes: Buffer; stat: Stats } | undefined {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    if (codeOf(error) === 'ESTALE') throw error
    throw readError(path, error)
  }
  try {
    const found = fstatSync(fd)
    if (!found.isFile()) throw storeError(path, 'is not a regular file')
    if (found.size > MAX_FILE_BYTES) throw storeError(path, `is larger than ${MAX_FILE_BYTES} bytes`)
    const bytes = Buffer.allocUnsafe(found.size)
    let length = 0
    while (length < bytes.length) {
      const read = readSync(fd, bytes, length, bytes.length - length, length)
      if (read === 0) break
      length += read
    }
    return { bytes: bytes.subarray(0, length), stat: found }
  } finally {
    closeSync(fd)
  }
}

function readError(path: string, error: unknown): Error {
  const code = codeOf(error)
  if (code === 'ELOOP' || code === 'EMLINK') return storeError(path, 'is a symbolic link', error)
  if (code === 'EACCES' || code === 'EPERM') return storeError(path, `may not be read${ownerOf(path, error)}`, error)
  return storeError(path, 'cannot be read', error)
}

/**
 * Completes a message about an operation that the system refused: by the owner of the path, or of its
 * nearest parent that exists. A common cause is that root ran the program once.
 */
export function ownerOf(path: string, error: unknown): string {
  if (!['EACCES', 'EPERM'].includes(codeOf(error) ?? '')) return ''
  for (let current = path; ; ) {
    try {
      const { uid } = lstatSync(current)
      return `; ${current === path ? 'it' : current} belongs to ${uid === 0 ? 'root' : `uid ${uid}`}`
    } catch {
      const parent = current.replace(/[/\\][^/\\]*$/, '')
      if (parent === current || parent === '') return ''
      current = parent
    }
  }
}

/** The code of an operation that Node's permission model (`--permission`) forbids. */
export const PERMISSION_MODEL_DENIED = 'ERR_ACCESS_DENIED'

const isUnderPermissionModel = (): boolean => process.permission !== undefined

/** Whether the permission model forbids this process to read or write the files of a folder. */
export const isDenied = (folder: string, kind: 'read' | 'write'): boolean =>
  isUnderPermissionModel() && !process.permission.has(`fs.${kind}`, `${folder}/.lock`)

/** The flags of Node, with their paths, that this process lacks to use a folder. */
export const missingGrants = (folder: string): string[] =>
  (['read', 'write'] as const).filter((kind) => isDenied(folder, kind)).map((kind) => `--allow-fs-${kind}=${folder}/*`)

/**
 * Creates a file that must not exist yet, and writes all its bytes. A full disk is found here.
 *
 * @param gid the group that it gets; default: as the system chooses
 */
export function createFile(path: string, bytes: Buffer, mode: number, gid?: number): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0), mode)
  try {
    writeAll(fd, bytes)
    if (gid !== undefined) setGroup(fd, gid)
    if ((fstatSync(fd).mode & 0o777) !== mode) setMode(fd, path, mode)
  } finally {
    closeSync(fd)
  }
}

/** The umask took bits of the mode away. */
function setMode(fd: number, path: string, mode: number): void {
  try {
    fchmodSync(fd, mode)
  } catch (error) {
    if (codeOf(error) !== PERMISSION_MODEL_DENIED) throw error
    chmodSync(path, mode)
  }
}

/**
 * Gives a file or folder to a group. Where the system refuses, it stays in the group of this process:
 * other users then get an error that names its owner.
 */
export function setGroup(file: string | number, gid: number): void {
  try {
    if (typeof file === 'number') fchownSync(file, -1, gid)
    else chownSync(file, -1, gid)
  } catch {
    // This process is no member of the group, or the file system has no groups.
  }
}

/**
 * Replaces the bytes of a file that must exist, and waits until they are on disk. `beforeSync` runs
 * before that wait.
 *
 * Under the permission model, which has no fsync, each write waits. Should the new length be lost in
 * a power cut, the spaces behind the record remain, which JSON ignores.
 */
export function overwriteFile(path: string, bytes: Buffer, beforeSync: () => void): void {
  const fd = openToOverwrite(path)
  try {
    writeAll(fd, bytes)
    ftruncateSync(fd, bytes.length)
    beforeSync()
    syncToDisk(fd)
  } finally {
    closeSync(fd)
  }
}

function openToOverwrite(path: string): number {
  const syncFlag = isUnderPermissionModel() ? (constants.O_DSYNC ?? 0) : 0
  return withFreshPath(() => openSync(path, constants.O_RDWR | syncFlag | (constants.O_NOFOLLOW ?? 0)))
}

function syncToDisk(fd: number): void {
  if (!isUnderPermissionModel()) fsyncSync(fd)
}

/**
 * Does to a file what `overwriteFile` will do, so that a storage that refuses it is found before. The
 * file loses its last byte, because a truncation to the same size may do nothing.
 */
export function tryOverwriting(path: string): void {
  const fd = openToOverwrite(path)
  try {
    ftruncateSync(fd, Math.max(0, fstatSync(fd).size - 1))
    syncToDisk(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Opens a folder and closes it. A client of NFS then asks the server whether the folder changed. Until
 * then it may know of no file that another machine has put there.
 */
export function refreshFolder(path: string): void {
  try {
    closeSync(openSync(path, constants.O_RDONLY | (constants.O_DIRECTORY ?? 0)))
  } catch {
    // A system that does not open folders, or a folder that is gone: whoever reads it next finds out.
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(fd, bytes, written, bytes.length - written, written)
  }
}

/**
 * Files of /proc report no size. The ones that are read here fit into one read of this many bytes.
 */
const MAX_PROC_BYTES = 1024

/**
 * The text of a file of /proc. The file belongs to the kernel, so that it is opened without checks.
 */
export function readProc(path: string): string {
  const fd = openSync(path, constants.O_RDONLY)
  try {
    const bytes = Buffer.allocUnsafe(MAX_PROC_BYTES)
    return bytes.toString('latin1', 0, readSync(fd, bytes, 0, MAX_PROC_BYTES, 0))
  } finally {
    closeSync(fd)
  }
}

export {
  chmodSync as chmod,
  lutimesSync as touch,
  mkdirSync as makeFolder,
  readlinkSync as readLink,
  realpathSync as realPath,
  renameSync as rename,
  rmdirSync as removeFolder,
} from 'node:fs'

/** Removes a file. `false`: it did not exist. */
export function remove(path: string): boolean {
  try {
    withFreshPath(() => unlinkSync(path))
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Removes a file on which nothing depends. If it cannot be removed, it stays. */
export function discard(path: string): void {
  try {
    remove(path)
  } catch {
    // Somebody removes it later.
  }
}

/**
 * Calls back on every change in a folder, with the name of the file where it is known. Does not
 * keep the process alive. Returns the function that stops.
 *
 * @throws if the system has no watcher left
 */
export function watchFolder(path: string, onChange: (file: string | null) => void, onError: () => void): () => void {
  const watcher = watch(path, { persistent: false }, (_event, file) => onChange(file))
  watcher.on('error', onError)
  return () => watcher.close()
}
