import type { DogRecord, Lease, Ledger, Store, StoreCapability } from '../../../../index.js'
import { DogError, storeError } from '../../model/errors.js'
import { now } from '../../shared/clock.js'
import { failpoint } from '../../shared/failpoint.js'
import { damagedFile, decodeKey, isTruncated, keyLock, recordFile, recordName, stateFolder } from './file-names.js'
import { Folder } from './folder.js'
import { FolderWatcher, watchRecords } from './folder-watcher.js'
import * as io from './fs.js'
import { acquireLock } from './heartbeat.js'
import { readLedger } from './ledger-file.js'
import { forgetHeartbeat } from './liveness.js'
import { FileLock, isStillHeld, livingHolder, ownerName } from './lock.js'
import { FileLease } from './lock-lease.js'
import { RecordReader } from './record-file.js'
import { deleteOverdueLedgers, sweep } from './sweep.js'
import { waitForChange } from './waiter.js'

/** This much of a damaged record is kept aside. */
const MAX_DAMAGED_BYTES = 64 * 1024

type Warning = { key: string | undefined; code: string; message: string }

/**
 * The default store: one `.dog` file a key. Puts the parts together. The rules of locking are in
 * `lock.ts`.
 */
export class FileStore implements Store {
  readonly name = 'file'
  readonly capabilities: readonly StoreCapability[] = ['holder', 'watch', 'onWarning', 'path', 'forget']
  readonly #folder: Folder
  readonly #reader: RecordReader
  readonly #watcher: FolderWatcher
  readonly #warningListeners = new Set<(warning: Warning) => void>()
  /** Keys that were read and had no record. */
  readonly #missingKeys = new Set<string>()
  /**
   * By key: the last fencing token of this process. No token is used twice, even if the record is
   * deleted meanwhile.
   */
  readonly #lastFencingTokens = new Map<string, number>()

  /** What the user should know of the folder. Reported at the first use, when somebody listens. */
  #notice: string | undefined

  /**
   * @param dir the folder
   * @param mode the mode of the files
   * @param choice of a default folder: the folder whose guard_dog files are adopted, and a warning
   */
  constructor(
    dir: string,
    mode: number | undefined,
    choice: { legacyDir?: string | undefined; warning?: string | undefined } = {},
  ) {
    const warn = (code: string, message: string, key?: string) => this.#warn(code, message, key)
    this.#folder = new Folder(realFolder(dir), mode, warn)
    const legacyDir = choice.legacyDir === this.#folder.path ? undefined : choice.legacyDir
    this.#reader = new RecordReader(this.#folder, legacyDir)
    this.#watcher = new FolderWatcher(this.#folder.path, warn)
    this.#notice = choice.warning
  }

  get dir(): string {
    return this.#folder.path
  }

  path(key: string): string {
    return recordFile(this.dir, key)
  }

  onWarning(listener: (warning: Warning) => void): void {
    this.#warningListeners.add(listener)
  }

  #warn(code: string, message: string, key: string | undefined): void {
    for (const listener of this.#warningListeners) listener({ key, code, message })
  }

  #reportNotice(): void {
    const notice = this.#notice
    this.#notice = undefined
    if (notice !== undefined) this.#warn('ERR_DOG_STORE', notice, undefined)
  }

  read(key: string): DogRecord | undefined | Promise<DogRecord | undefined> {
    if (this.#notice !== undefined) this.#reportNotice()
    try {
      const found = this.#reader.read(key)
      if (found === undefined) this.#missingKeys.add(key)
      if (!(found instanceof Promise)) return found
      return found.catch((error) => {
        throw this.#toStoreError(error, key)
      })
    } catch (error) {
      throw this.#toStoreError(error, key)
    }
  }

  readLedger(key: string): Ledger | undefined {
    try {
      return readLedger(this.#folder, key)
    } catch (error) {
      throw this.#toStoreError(error, key)
    }
  }

  holder(key: string): { fencingToken: number; name: string } | undefined {
    try {
      return livingHolder(this.dir, key)
    } catch (error) {
      throw this.#toStoreError(error, key)
    }
  }

  async acquire(key: string, timeout: number): Promise<Lease | undefined> {
    try {
      return await this.#acquire(key, timeout)
    } catch (error) {
      throw this.#toStoreError(error, key)
    }
  }

  /** Turns any failure of the file system into an error of the store. */
  #toStoreError(error: unknown, key: string): DogError {
    const storable = error instanceof DogError ? error : storeError(this.dir, 'cannot be used', error, key)
    if (io.codeOf(storable.cause) !== io.PERMISSION_MODEL_DENIED) return storable
    const grants = io.missingGrants(this.dir).join(' ')
    const advice = grants === '' ? '' : `: start node with ${grants}`
    const message = `${storable.message}: Node's permission model forbids it${advice}`
    return new DogError(storable.code, message, { key, path: storable.path ?? this.dir, cause: storable.cause })
  }

  async #acquire(key: string, timeout: number): Promise<Lease | undefined> {
    this.#folder.prepare()
    const record = await this.#reader.read(key)
    const nextFencingToken = (evicted: number) => {
      const last = Math.max(this.readLedger(key)?.fetches.last ?? 0, this.#lastFencingTokens.get(key) ?? 0)
      // Where no record is readable the clock takes its place, so that no token is used twice after
      // a deletion.
      const fencingToken = Math.max(record?.generation ?? Math.floor(now()), evicted, last) + 1
      this.#lastFencingTokens.set(key, fencingToken)
      return fencingToken
    }
    const lock = new FileLock(this.#folder, key, Math.ceil(timeout * 1000), nextFencingToken)
    const lost = new AbortController()
    const size = record === undefined ? 0 : 2 * JSON.stringify(record).length
    const unlock = await acquireLock(lock, size, () => lost.abort())
    if (unlock === undefined) return undefined
    failpoint('take.leased', key)
    for (const path of [this.dir, stateFolder(this.dir)]) io.refreshFolder(path)
    sweep(this.dir, key)
    deleteOverdueLedgers(this.#folder)
    this.#keepDamagedCopy(key)
    return new FileLease(this.#folder, lock, unlock, lost.signal, this.#reader.legacyDir)
  }

  /**
   * Keeps the bytes of a damaged record aside, under the lease: they are about to be replaced, and
   * may be all there is of a secret.
   */
  #keepDamagedCopy(key: string): void {
    const bytes = this.#reader.damagedBytes(key)
    if (bytes === undefined || bytes.length === 0) return
    const path = damagedFile(this.dir, key)
    try {
      io.remove(path)
      this.#folder.createFile(path, bytes.subarray(0, MAX_DAMAGED_BYTES))
    } catch {
      // The copy is a courtesy: the fetch must not depend on it.
    }
  }

  async waitForChange(key: string, seen: number | undefined, signal: AbortSignal): Promise<void> {
    try {
      await waitForChange({
        watcher: this.#watcher,
        signal,
        isChanged: async (isFirst) =>
          isFirst ? (await this.read(key))?.generation !== seen : this.#reader.mayDiffer(key, seen),
        hasHolder: () => this.holder(key) !== undefined,
        ownerName: () => ownerName(this.dir, key),
        isStillHeld: (owner) => isStillHeld(this.dir, key, owner),
      })
    } catch (error) {
      throw this.#toStoreError(error, key)
    }
  }

  watch(listener: (key: string) => void): () => void {
    this.#folder.prepare()
    return watchRecords(this.dir, {
      onRecord: (name) => {
        const key = this.#keyOf(name)
        if (key !== undefined) listener(key)
      },
      onAny: () => {
        for (const key of this.#knownKeys()) listener(key)
      },
      onCheck: () => {
        for (const key of this.#knownKeys()) if (this.#reader.hasChanged(key)) listener(key)
      },
      onFailure: () => {
        this.#warn('ERR_DOG_STORE', `${this.dir} cannot be watched: changes are noticed by polling`, undefined)
      },
    })
  }

  #knownKeys(): Iterable<string> {
    return new Set([...this.#missingKeys, ...this.#reader.cachedKeys()])
  }

  async *keys(): AsyncIterable<string> {
    if (!this.#folder.check()) return
    const listed = new Set<string>()
    for (const file of io.listEach(this.dir)) {
      const name = recordName(file)
      const key = name === undefined ? undefined : this.#keyOf(name)
      if (key === undefined || listed.has(key)) continue
      listed.add(key)
      yield key
    }
  }

  /**
   * The key of an encoded name. The name of a long key is cut, so that its record must be read for
   * the key.
   */
  #keyOf(name: string): string | undefined {
    return isTruncated(name) ? this.#reader.keyAt(name) : decodeKey(name)
  }

  forget(key: string): void {
    this.#reader.forget(key)
    this.#missingKeys.delete(key)
    forgetHeartbeat(keyLock(this.dir, key))
    // Later tokens of a key without a record begin at the clock, which this one must not be ahead of.
    if ((this.#lastFencingTokens.get(key) ?? 0) < Math.floor(now())) this.#lastFencingTokens.delete(key)
  }

  async close(): Promise<void> {
    this.#watcher.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The target of a symbolic link to a folder. It is resolved once, when the store is made. */
function realFolder(path: string): string {
  try {
    return io.realPath(path)
  } catch {
    return path
  }
}
