import type { DogRecord, Lease, Ledger } from '../../../../index.js'
import { storeError } from '../../model/errors.js'
import { monotonic } from '../../shared/clock.js'
import { encodeRecord } from '../../shared/format.js'
import { recordFile } from './file-names.js'
import type { Folder } from './folder.js'
import * as io from './fs.js'
import { writeLedger } from './ledger-file.js'
import { describeOwner } from './liveness.js'
import type { FileLock } from './lock.js'
import { scheduleDeletion } from './sweep.js'

/** The lease that the engine gets for a lock that was taken. */
export class FileLease implements Lease {
  readonly fencingToken: number
  readonly evicted: string | undefined
  readonly #acquiredAt: number
  /** Whether a commit was tried, so that a fetch is not spent for a value that cannot be stored. */
  #isCommitTried = false
  /** The `keepUntil` of the ledger that was written last. */
  #keepUntil: number | undefined

  /**
   * @param unlock stops the heartbeat and releases the lock
   * @param legacyDir the folder in which guard_dog kept its files, if that is another one
   */
  constructor(
    readonly folder: Folder,
    readonly lock: FileLock,
    readonly unlock: () => Promise<void>,
    readonly signal: AbortSignal,
    readonly legacyDir: string | undefined,
  ) {
    this.fencingToken = lock.owner?.fencingToken ?? 0
    this.evicted = lock.evicted === undefined ? undefined : describeOwner(lock.evicted)
    this.#acquiredAt = lock.owner?.acquiredAt ?? 0
  }

  ageMs(): number {
    return monotonic() - this.#acquiredAt
  }

  isHeld(): boolean {
    return !this.signal.aborted && this.lock.isHeld()
  }

  async extend(seconds: number): Promise<void> {
    this.lock.extend(seconds * 1000)
  }

  async writeLedger(ledger: Ledger): Promise<void> {
    if (!this.isHeld()) return
    // The first ledger of a lease counts a fetch. Who finds a fresh record instead does not pay for this.
    if (!this.#isCommitTried) this.lock.tryCommit()
    this.#isCommitTried = true
    await writeLedger(this.folder, this.lock, ledger)
    this.#keepUntil = ledger.keepUntil
  }

  async commit(record: DogRecord | undefined): Promise<boolean> {
    try {
      return record === undefined ? this.#remove() : this.lock.commit(this.#encode(record))
    } finally {
      await this.release()
    }
  }

  #encode(record: DogRecord): Buffer {
    const bytes = Buffer.from(encodeRecord(record))
    if (bytes.length <= io.MAX_FILE_BYTES) return bytes
    throw storeError(recordFile(this.folder.path, this.lock.key), `would be larger than ${io.MAX_FILE_BYTES} bytes`)
  }

  #remove(): boolean {
    if (!this.isHeld()) return false
    if (this.#keepUntil !== undefined) scheduleDeletion(this.folder, this.lock.key, this.#keepUntil)
    // guard_dog's file is removed too. Otherwise the value that was adopted from it would come
    // back.
    for (const dir of [this.folder.path, this.legacyDir]) {
      if (dir === undefined || io.isDenied(dir, 'write')) continue
      const path = recordFile(dir, this.lock.key)
      try {
        io.remove(path)
      } catch (error) {
        throw storeError(path, `cannot be removed${io.ownerOf(path, error)}`, error, this.lock.key)
      }
    }
    return true
  }

  async release(): Promise<void> {
    // `unlock` also stops the heartbeat. If the lock is already consumed it fails with "released"
    // or "compromised", which does not matter here.
    await this.unlock().catch(() => {})
    this.lock.release()
  }
}
