import { join } from 'node:path'
import { storeError } from '../../model/errors.js'
import { monotonic, startTimer, stopTimer, type Timer } from '../../shared/clock.js'
import { failpoint } from '../../shared/failpoint.js'
import { keyLock, lockFolder, makeOwner, type Owner, parseOwner, preparedLock, recordFile } from './file-names.js'
import type { Folder } from './folder.js'
import * as io from './fs.js'
import { describeOwner, isDead, mayBeAlive, processScope, processStartTime } from './liveness.js'
import { discardPrepared, ownerNameIn, removeIfEmpty, removeOwner, renameOnto } from './lock-folder.js'

/**
 * The lock of a key is the folder `.lock/KEY/` with one file in it, the owner file. The name of the
 * owner file says who holds the lock and until when (see `Owner`). The lock is free while the
 * folder is missing or empty. These rules belong together (design, "One fetch"):
 *
 * 1. Acquire: prepare a private folder `.lock/~OWNER/` that holds one's own owner file, and rename
 *    it onto `.lock/KEY/`. The rename fails while an owner file is in there. Nothing is written
 *    after the rename, so that no lock is ever half written.
 * 2. Evict a dead holder: unlink exactly the owner file that was judged dead. No other process ever
 *    has a file of that name, so that the file of a new holder cannot be hit. Of many processes
 *    that evict the same holder, one unlinks the file, and all of them then try to acquire. A crash
 *    in between leaves an empty folder, which is a free lock.
 * 3. Commit: write the record into one's own owner file, fsync it, and rename it onto `KEY.dog`.
 *    One system call stores the record and releases the lock.
 * 4. Release without a record: unlink one's own owner file. If it is gone, another process evicted
 *    this one, and nothing else is touched.
 *
 * Evicting and committing consume the same directory entry, so that exactly one of them succeeds. A
 * check may be out of date when the change that follows from it is made: the change then finds no
 * file of that name, and changes nothing. This file knows nothing of fetches, of back-off, or of
 * when a record is usable.
 */

/**
 * The least size of an owner file. It is padded before the fetch, so that a full disk is found
 * before a fetch is spent.
 */
const MIN_PADDING_BYTES = 4096

/** The delay before the next try to release a lock, after the storage refused the last one. */
const RELEASE_RETRY_MS = 100

/** The name of the lock's owner file. `undefined` while nobody holds the lock. */
export function ownerName(dir: string, key: string): string | undefined {
  const lock = keyLock(dir, key)
  try {
    return ownerNameIn(lock)
  } catch (error) {
    throw storeError(lock, `cannot be read${io.ownerOf(lock, error)}`, error, key)
  }
}

/**
 * Whether a holder that was judged alive a moment ago still has the lock, and may still be alive.
 */
export const isStillHeld = (dir: string, key: string, name: string): boolean =>
  io.stat(join(keyLock(dir, key), name)) !== undefined && mayBeAlive(name)

/** The living holder of the key's lock. */
export function livingHolder(dir: string, key: string): { fencingToken: number; name: string } | undefined {
  const name = ownerName(dir, key)
  if (name === undefined || isDead(keyLock(dir, key), name)) return undefined
  return { fencingToken: parseOwner(name)?.fencingToken ?? 0, name: describeOwner(name) }
}

/**
 * One attempt of this process at the lock of one key, and what it may do with the lock once it has
 * it.
 */
export class FileLock {
  /** The name of the dead holder's owner file, if one was evicted for this lock. */
  evicted: string | undefined
  #owner: Owner | undefined
  #releaseTimer: Timer | undefined
  readonly #path: string

  /**
   * @param timeoutMs whole milliseconds
   * @param nextFencingToken returns the token of this acquisition, higher than that of the evicted
   *   holder (0 if there is none)
   */
  constructor(
    readonly folder: Folder,
    readonly key: string,
    readonly timeoutMs: number,
    readonly nextFencingToken: (evicted: number) => number,
  ) {
    this.#path = keyLock(folder.path, key)
  }

  get owner(): Owner | undefined {
    return this.#owner
  }

  get #file(): string {
    return join(this.#path, this.#owner!.name)
  }

  /**
   * Takes the lock if it is free, or if its holder is dead. Returns whether it was taken.
   *
   * @param size bytes of the record that may have to be written. The owner file is padded to this
   *   size, because the record is later written into it.
   */
  acquire(size: number): boolean {
    failpoint('take.list', this.key)
    if (!this.#evictDead()) return false
    const owner = makeOwner({
      fencingToken: this.nextFencingToken(this.evicted === undefined ? 0 : (parseOwner(this.evicted)?.fencingToken ?? 0)),
      processScope: processScope(),
      pid: process.pid,
      processStart: processStartTime(),
      acquiredAt: Math.floor(monotonic()),
      timeoutMs: this.timeoutMs,
      nonce: makeNonce(),
    })
    const prepared = preparedLock(this.folder.path, owner)
    try {
      this.folder.makeSubfolder(prepared)
      failpoint('take.folder', this.key)
      this.folder.createFile(join(prepared, owner.name), Buffer.alloc(Math.max(MIN_PADDING_BYTES, size), ' '))
      failpoint('take.prepared', this.key)
      if (!renameOnto(prepared, this.#path)) {
        discardPrepared(prepared, owner.name)
        return false
      }
    } catch (error) {
      discardPrepared(prepared, owner.name)
      throw storeError(this.#path, `cannot be locked${io.ownerOf(lockFolder(this.folder.path), error)}`, error, this.key)
    }
    this.#owner = owner
    failpoint('take.won', this.key)
    return true
  }

  /** Removes the owner file of a dead holder. Returns whether the lock is free now. */
  #evictDead(): boolean {
    // A user who can put a name into this folder decides who holds the lock, and for how long.
    if (!this.folder.checkSubfolder(this.#path)) return true
    const name = ownerName(this.folder.path, this.key)
    if (name === undefined) return true
    if (!isDead(this.#path, name)) return false
    failpoint('evict.judged', this.key)
    this.evicted = name
    this.#attempt(join(this.#path, name), () => removeOwner(this.folder.path, this.#path, name))
    failpoint('evict.done', this.key)
    return true
  }

  /** Whether this lock's owner file is still there. */
  isHeld(): boolean {
    if (this.#owner === undefined) return false
    try {
      return io.stat(this.#file) !== undefined
    } catch (error) {
      throw storeError(this.#file, 'cannot be checked', error, this.key)
    }
  }

  /**
   * Changes the time of the owner file, for processes that cannot check this pid. Throws ENOENT
   * when the lock is lost.
   */
  heartbeat(time: Date): void {
    io.touch(this.#file, time, time)
  }

  /**
   * Moves the time-out to `ms` from now, if that is later than before. The time-out is part of the
   * owner file's name, so that this is a rename. Like a commit, it fails if another process has
   * evicted this one. Returns whether the lock is still held.
   */
  extend(ms: number): boolean {
    if (this.#owner === undefined) return false
    const timeoutMs = Math.ceil(monotonic() - this.#owner.acquiredAt + ms)
    if (timeoutMs <= this.#owner.timeoutMs) return true
    const extended = makeOwner({ ...this.#owner, timeoutMs })
    try {
      io.rename(this.#file, join(this.#path, extended.name))
    } catch (error) {
      if (io.codeOf(error) === 'ENOENT') return false
      throw storeError(this.#file, 'cannot be renamed', error, this.key)
    }
    this.#owner = extended
    return true
  }

  /**
   * Does what a commit will do, except for the rename, so that a storage that cannot commit is found
   * before a fetch is spent. Costs one fsync.
   */
  tryCommit(): void {
    try {
      io.tryOverwriting(this.#file)
    } catch (error) {
      if (!this.isHeld()) return
      throw storeError(recordFile(this.folder.path, this.key), 'could not be written', error, this.key)
    }
  }

  /**
   * Puts the record in place and releases the lock, by one rename. `false`: another process evicted
   * this one, and nothing was written.
   */
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
    this.#finish()
    return true
  }

  /** Releases the lock without a record. Touches nothing if another process evicted this one. */
  release(): void {
    if (this.#owner === undefined) return
    failpoint('release.begin', this.key)
    try {
      this.#attempt(this.#file, () => io.remove(this.#file))
    } catch (error) {
      // While this process lives, no other may remove its owner file before the time-out. So this
      // process tries again, until the storage allows it.
      stopTimer(this.#releaseTimer)
      this.#releaseTimer = startTimer(() => this.#retryRelease(), RELEASE_RETRY_MS).unref()
      throw error
    }
    failpoint('release.done', this.key)
    this.#finish()
  }

  #retryRelease(): void {
    try {
      this.release()
    } catch {
      // `release` has set the timer for the next try.
    }
  }

  #attempt(file: string, remove: () => void): void {
    try {
      remove()
    } catch (error) {
      throw storeError(file, 'cannot be removed', error, this.key)
    }
  }

  /**
   * Removes the empty folder, to keep `.lock` tidy. If a successor already holds the lock, its file
   * keeps the folder.
   */
  #finish(): void {
    this.#owner = undefined
    removeIfEmpty(this.#path)
  }
}

const { random } = Math

/**
 * A number that no other acquisition of this process has. The other parts of the owner's name tell
 * processes apart. It does not come from node:crypto: loading that module takes longer than taking
 * the lock, and other processes would find the lock free meanwhile.
 */
function makeNonce(): string {
  const parts = [random() * 2 ** 32, (monotonic() * 1e6) % 2 ** 32]
  return parts.map((part) => Math.floor(part).toString(16).padStart(8, '0')).join('')
}
