import { join } from 'node:path'
import { storeError } from '../../model/errors.js'
import { monotonic, startTimer, stopTimer, type Timer } from '../../shared/clock.js'
import { failpoint } from '../../shared/failpoint.js'
import { keyLock, lockFolder, makeOwner, type Owner, parseOwner, parsePrivate, privateLock, recordFile } from './file-names.js'
import type { Folder } from './folder.js'
import * as io from './fs.js'
import { describeOwner, isAbandoned, isDead, mayBeAlive, processScope, processStartTime } from './liveness.js'

/**
 * The lock of a key: the folder `.lock/KEY/` with one owner file. Its rules (design, "One fetch") must be kept together:
 *
 * - It is taken by renaming a prepared folder onto it, which fails while an owner file is in it.
 * - A dead holder is robbed by unlinking exactly its owner file, whose name nobody else ever has.
 * - A record is committed by renaming one's own owner file onto the record.
 *
 * Robbing and committing consume the same directory entry, so exactly one of them succeeds: no check can be outdated. Knows
 * nothing of fetches, back-off or when a record is good.
 */

/** A full disk is found before a fetch is spent. */
const MIN_PADDING_BYTES = 4096

/** A lock that the storage did not let us let go of is let go of so many milliseconds later. */
const RELEASE_RETRY_MS = 100

/** The name of the lock's owner file; undefined while nobody holds it. */
export function ownerName(dir: string, key: string): string | undefined {
  const lock = keyLock(dir, key)
  try {
    return ownerIn(lock)
  } catch (error) {
    throw storeError(lock, `cannot be read${io.ownerOf(lock)}`, error, key)
  }
}

/** A lock is a folder of ours: through a symbolic link we would judge, and unlink, somebody else's files. */
function ownerIn(lock: string): string | undefined {
  const found = io.stat(lock)
  if (found === undefined) return undefined
  if (!found.isDirectory()) throw new Error('not a folder')
  return io.list(lock)[0]
}

/** Whether a holder that was judged alive a moment ago still has the lock, and is still there. */
export const isStillHeld = (dir: string, key: string, name: string): boolean =>
  io.stat(join(keyLock(dir, key), name)) !== undefined && mayBeAlive(name)

/** The living holder of the key's lock. */
export function livingHolder(dir: string, key: string): { fencingToken: number; name: string } | undefined {
  const name = ownerName(dir, key)
  if (name === undefined || isDead(keyLock(dir, key), name)) return undefined
  return { fencingToken: parseOwner(name)?.fencingToken ?? 0, name: describeOwner(name) }
}

/** One process's attempt at one key's lock, and what it may do with it once taken. */
export class FileLock {
  /** Who was robbed for it. */
  evicted: string | undefined
  #owner: Owner | undefined
  #releaseTimer: Timer | undefined
  readonly #path: string

  /**
   * @param timeout milliseconds, whole
   * @param draw the number of this take, higher than the displaced holder's
   */
  constructor(
    readonly folder: Folder,
    readonly key: string,
    readonly timeout: number,
    readonly draw: (displaced: number) => number,
  ) {
    this.#path = keyLock(folder.path, key)
  }

  get owner(): Owner | undefined {
    return this.#owner
  }

  get #file(): string {
    return join(this.#path, this.#owner!.name)
  }

  /** Takes the lock if nobody has it, or one who is dead. `size`: bytes of the record that may have to be written. */
  acquire(size: number): boolean {
    failpoint('take.list', this.key)
    if (!this.#evictDead()) return false
    const owner = makeOwner({
      fencingToken: this.draw(this.evicted === undefined ? 0 : (parseOwner(this.evicted)?.fencingToken ?? 0)),
      processScope: processScope(),
      pid: process.pid,
      start: processStartTime(),
      acquiredAt: Math.floor(monotonic()),
      timeout: this.timeout,
      nonce: nonce(),
    })
    const prepared = privateLock(this.folder.path, owner)
    try {
      this.folder.makeInside(prepared)
      failpoint('take.folder', this.key)
      io.createFile(
        join(prepared, owner.name),
        Buffer.alloc(Math.max(MIN_PADDING_BYTES, size), ' '),
        this.folder.fileMode ?? 0o600,
      )
      failpoint('take.prepared', this.key)
      if (!renameOnto(prepared, this.#path)) {
        discard(prepared, owner.name)
        return false
      }
    } catch (error) {
      discard(prepared, owner.name)
      throw storeError(this.#path, `cannot be locked${io.ownerOf(lockFolder(this.folder.path))}`, error, this.key)
    }
    this.#owner = owner
    failpoint('take.won', this.key)
    return true
  }

  /** Removes a holder that is dead, by exactly its owner file: one process can. Returns whether nobody has the lock now. */
  #evictDead(): boolean {
    // Whoever may put a name into it decides who holds the lock, and for how long.
    if (!this.folder.checkInside(this.#path)) return true
    const name = ownerName(this.folder.path, this.key)
    if (name === undefined) return true
    if (!isDead(this.#path, name)) return false
    failpoint('evict.judged', this.key)
    this.evicted = name
    this.#unlink(join(this.#path, name))
    failpoint('evict.done', this.key)
    return true
  }

  /** Whether our owner file is still there. */
  isHeld(): boolean {
    if (this.#owner === undefined) return false
    try {
      return io.stat(this.#file) !== undefined
    } catch (error) {
      throw storeError(this.#file, 'cannot be looked at', error, this.key)
    }
  }

  /** A sign of life for holders that cannot see our pid. Throws ENOENT when the lock is lost. */
  heartbeat(time: Date): void {
    io.touch(this.#file, time, time)
  }

  /** Moves its time-out to so many ms from now, if that is later: it stands in the name, so this is a rename, as fenced as all. */
  extend(ms: number): boolean {
    if (this.#owner === undefined) return false
    const timeout = Math.ceil(monotonic() - this.#owner.acquiredAt + ms)
    if (timeout <= this.#owner.timeout) return true
    const longer = makeOwner({ ...this.#owner, timeout })
    try {
      io.rename(this.#file, join(this.#path, longer.name))
    } catch (error) {
      if (io.codeOf(error) === 'ENOENT') return false
      throw storeError(this.#file, 'cannot be renamed', error, this.key)
    }
    this.#owner = longer
    return true
  }

  /** Puts the record in place and lets go, by one rename. `false`: we were robbed, and nothing was written. */
  commit(bytes: Buffer): boolean {
    if (this.#owner === undefined) return false
    const target = recordFile(this.folder.path, this.key)
    try {
      failpoint('commit.begin', this.key)
      io.overwriteFile(this.#file, bytes, () => failpoint('commit.written', this.key))
      failpoint('commit.synced', this.key)
      io.rename(this.#file, target)
    } catch (error) {
      if (io.codeOf(error) === 'ENOENT') {
        this.#owner = undefined
        return false
      }
      throw storeError(target, 'cannot be written', error, this.key)
    }
    failpoint('commit.done', this.key)
    this.#leave()
    return true
  }

  /** Lets go without a value. Robbed: touches nothing. */
  release(): void {
    if (this.#owner === undefined) return
    failpoint('release.begin', this.key)
    try {
      this.#unlink(this.#file)
    } catch (error) {
      // While we live nobody else may remove it before its time: we do, as soon as it can be done.
      stopTimer(this.#releaseTimer)
      this.#releaseTimer = startTimer(() => this.#releaseQuietly(), RELEASE_RETRY_MS).unref()
      throw error
    }
    failpoint('release.done', this.key)
    this.#leave()
  }

  #releaseQuietly(): void {
    try {
      this.release()
    } catch {}
  }

  #unlink(file: string): void {
    try {
      io.remove(file)
    } catch (error) {
      throw storeError(file, 'cannot be removed', error, this.key)
    }
  }

  /** The empty folder is removed for tidiness; a successor that is already in it keeps it. */
  #leave(): void {
    this.#owner = undefined
    removeIfEmpty(this.#path)
  }
}

/** Clears what the dead left in `.lock`, of other keys than this. A courtesy: what cannot be cleared stays. */
export function sweepLocks(dir: string, key: string): void {
  const locks = lockFolder(dir)
  for (const name of namesIn(locks)) {
    const path = join(locks, name)
    if (path === keyLock(dir, key)) continue
    try {
      const preparing = parsePrivate(name)
      if (preparing !== undefined) {
        // Through a symbolic link we would remove somebody else's file.
        if (io.stat(path)?.isDirectory() && isAbandoned(path, preparing)) discard(path, preparing.name)
        continue
      }
      const owner = ownerIn(path)
      if (owner !== undefined && isDead(path, owner)) io.remove(join(path, owner))
      removeIfEmpty(path)
    } catch {
      // Not ours, or not to be had: whoever needs this very lock will say so.
    }
  }
}

const { random } = Math

/**
 * Tells a take from every other of this process; processes differ in the rest of the name. Not node:crypto's: to load that
 * takes longer than to take the lock, while others find it free.
 */
function nonce(): string {
  const parts = [random() * 2 ** 32, (monotonic() * 1e6) % 2 ** 32]
  return parts.map((part) => Math.floor(part).toString(16).padStart(8, '0')).join('')
}

/** Renames a folder onto another, if that is missing or empty. */
function renameOnto(from: string, to: string): boolean {
  for (let tries = 0; ; tries++) {
    try {
      io.rename(from, to)
      return true
    } catch (error) {
      const code = io.codeOf(error) ?? ''
      const isTaken = code === 'ENOTEMPTY' || code === 'EEXIST'
      if (!isTaken && !(process.platform === 'win32' && (code === 'EPERM' || code === 'EACCES'))) throw error
      // Windows, and some file systems, replace no folder, not even an empty one.
      if (tries === 3 || io.list(to).length > 0) {
        if (isTaken) return false
        throw error
      }
      removeIfEmpty(to)
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return io.list(folder)
  } catch {
    return []
  }
}

function removeIfEmpty(folder: string): void {
  try {
    io.removeFolder(folder)
  } catch {
    // Not empty, or gone: in both cases not ours.
  }
}

function discard(prepared: string, name: string): void {
  try {
    io.remove(join(prepared, name))
    io.removeFolder(prepared)
  } catch {
    // Gone already, or what made us fail keeps us from tidying: the next take sweeps it.
  }
}
