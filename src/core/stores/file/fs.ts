import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
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

/**
 * The only importer of `fs`, so that a test can fail its n-th call. Synchronous: a stat takes 1.4 µs, its promise 60 times
 * that. Knows nothing of keys, records or locks. Names are imported one by one: a namespace is copied at every start.
 */

/** As large as a file of ours may be. */
export const MAX_FILE_BYTES = 1024 * 1024

export type FileStat = Pick<Stats, 'ino' | 'size' | 'mtimeMs' | 'ctimeMs' | 'uid'>

export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | null)?.code

/** The stat of a file, or undefined where there is none. */
export function stat(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

/** The stat of what a path leads to, through symbolic links. */
export function statFollowingLinks(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false })
}

/** The names in a folder; none where it does not exist. */
export function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

/**
 * A file's text and stat, or undefined where there is none. Never follows a symbolic link and never waits for a FIFO: in
 * their place somebody else would decide what we read, or whether we return.
 */
export function readFile(path: string): { bytes: Buffer; stat: Stats } | undefined {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw unreadable(path, error)
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

function unreadable(path: string, error: unknown): Error {
  const code = codeOf(error)
  if (code === 'ELOOP' || code === 'EMLINK') return storeError(path, 'is a symbolic link', error)
  if (code === 'EACCES' || code === 'EPERM') return storeError(path, `may not be read${ownerOf(path)}`, error)
  return storeError(path, 'cannot be read', error)
}

/** Who owns a path, for a message: the classic is "root ran it once". */
export function ownerOf(path: string): string {
  for (let at = path; ; ) {
    try {
      const { uid } = lstatSync(at)
      return `; ${at === path ? 'it' : at} belongs to ${uid === 0 ? 'root' : `uid ${uid}`}`
    } catch {
      const parent = at.replace(/[/\\][^/\\]*$/, '')
      if (parent === at || parent === '') return ''
      at = parent
    }
  }
}

/** Makes a file that must not exist yet, with all its bytes on disk: a full disk is found here. */
export function createFile(path: string, bytes: Buffer, mode: number): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0), mode)
  try {
    writeAll(fd, bytes)
    fchmodSync(fd, mode)
  } finally {
    closeSync(fd)
  }
}

/** Replaces the bytes of a file that must exist, and waits until they are on disk. `between` runs before that wait. */
export function overwriteFile(path: string, bytes: Buffer, between: () => void): void {
  const fd = openSync(path, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0))
  try {
    writeAll(fd, bytes)
    ftruncateSync(fd, bytes.length)
    between()
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, done)
}

/** A file of /proc: they have no size, are the kernel's, and those that we read fit into one read. */
export function readProc(path: string): string {
  const fd = openSync(path, constants.O_RDONLY)
  try {
    const bytes = Buffer.allocUnsafe(MAX_PROC_BYTES)
    return bytes.toString('latin1', 0, readSync(fd, bytes, 0, MAX_PROC_BYTES, 0))
  } finally {
    closeSync(fd)
  }
}

/** Bytes. */
const MAX_PROC_BYTES = 1024

export {
  chmodSync as chmod,
  lutimesSync as touch,
  mkdirSync as makeFolder,
  readlinkSync as readLink,
  realpathSync as realPath,
  renameSync as rename,
  rmdirSync as removeFolder,
} from 'node:fs'

/** Removes a file. `false`: there was none. */
export function remove(path: string): boolean {
  try {
    unlinkSync(path)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

/**
 * Tells of every change in a folder, and of which file where that is known, without keeping the process alive. Throws where the
 * system has no watcher left.
 */
export function watchFolder(path: string, onChange: (file: string | null) => void, onError: () => void): () => void {
  const watcher = watch(path, { persistent: false }, (_event, file) => onChange(file))
  watcher.on('error', onError)
  return () => watcher.close()
}
