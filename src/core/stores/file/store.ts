import type { DogRecord, Lease, Ledger, Store } from '../../../../index.js'
import { DogError, storeError } from '../../model/errors.js'
import { monotonic, now, WakeableSleep } from '../../shared/clock.js'
import { failpoint } from '../../shared/failpoint.js'
import { damagedFile, decodeKey, isTruncated, recordFile, recordName } from './file-names.js'
import { defaultFolder, Folder } from './folder.js'
import { SharedFolderWatch } from './folder-wake.js'
import { watchRecords } from './folder-watcher.js'
import * as io from './fs.js'
import { acquireLock } from './heartbeat.js'
import { FileLease } from './lease.js'
import { readLedger, sweepLedger } from './ledger-file.js'
import { FileLock, isStillHeld, livingHolder, ownerName, sweepLocks } from './lock.js'
import { RecordReader } from './record-file.js'

/** Milliseconds between two looks of a waiter, whom the watcher normally wakes before. */
const MIN_POLL_MS = 5
const MAX_POLL_MS = 100
const MAX_POLL_WITHOUT_WATCHER_MS = 25
/** Whose timer came late is on a busy machine, which hundreds of looks would keep from the fetch: it rests so much longer. */
const MAX_REST_MS = 250
/** Every so many looks the holder is judged, who may be dead and not buried, or overdue. */
const OWNER_CHECK_EVERY = 4

/** As much of a damaged record as is kept aside. */
const MAX_DAMAGED_BYTES = 64 * 1024

type Warning = { key: string | undefined; code: string; message: string }

/** The default store: one `.dog` file a key. Puts the parts together; the rules are in `lock.ts`. */
export class FileStore implements Store {
  readonly name = 'file'
  readonly #folder: Folder
  readonly #reader: RecordReader
  readonly #folderWatch: SharedFolderWatch
  readonly #listeners = new Set<(warning: Warning) => void>()
  /** Asked for, and not there. */
  readonly #missing = new Set<string>()
  /** The last number this process drew, by key: none is used twice, also when the record is deleted meanwhile. */
  readonly #lastFencingTokens = new Map<string, number>()

  /** @param dir the folder; default: see `defaultFolder`, and guard_dog's files of the working folder are adopted */
  constructor(dir: string | undefined, mode: number | undefined) {
    const path = dir ?? defaultFolder()
    const warn = (code: string, message: string, key?: string) => {
      for (const listener of this.#listeners) listener({ key, code, message })
    }
    this.#folder = new Folder(realFolder(path), mode, warn)
    const working = process.cwd()
    this.#reader = new RecordReader(this.#folder, dir === undefined && working !== this.#folder.path ? working : undefined)
    this.#folderWatch = new SharedFolderWatch(this.#folder.path, warn)
  }

  get dir(): string {
    return this.#folder.path
  }

  path(key: string): string {
    return recordFile(this.dir, key)
  }

  onWarning(listener: (warning: Warning) => void): void {
    this.#listeners.add(listener)
  }

  read(key: string): DogRecord | undefined | Promise<DogRecord | undefined> {
    try {
      const found = this.#reader.read(key)
      if (found === undefined) this.#missing.add(key)
      if (!(found instanceof Promise)) return found
      return found.catch((error) => {
        throw this.#fault(error, key)
      })
    } catch (error) {
      throw this.#fault(error, key)
    }
  }

  readLedger(key: string): Ledger | undefined {
    try {
      return readLedger(this.#folder, key)
    } catch (error) {
      throw this.#fault(error, key)
    }
  }

  holder(key: string): { fencingToken: number; name: string } | undefined {
    try {
      return livingHolder(this.dir, key)
    } catch (error) {
      throw this.#fault(error, key)
    }
  }

  async acquire(key: string, timeout: number): Promise<Lease | undefined> {
    try {
      return await this.#take(key, timeout)
    } catch (error) {
      throw this.#fault(error, key)
    }
  }

  /** Whatever fails in a file system, what leaves is an error of the store. */
  #fault(error: unknown, key: string): DogError {
    return error instanceof DogError ? error : storeError(this.dir, 'cannot be used', error, key)
  }

  async #take(key: string, timeout: number): Promise<Lease | undefined> {
    this.#folder.prepare()
    const record = await this.#reader.read(key)
    const lock = new FileLock(this.#folder, key, Math.ceil(timeout * 1000), (displaced) => {
      const last = Math.max(this.readLedger(key)?.fetches.last ?? 0, this.#lastFencingTokens.get(key) ?? 0)
      const number = Math.max(record?.generation ?? Math.floor(now()), displaced, last) + 1
      this.#lastFencingTokens.set(key, number)
      return number
    })
    const lost = new AbortController()
    const letGo = await acquireLock(lock, record === undefined ? 0 : 2 * JSON.stringify(record).length, () => lost.abort())
    if (letGo === undefined) return undefined
    failpoint('take.leased', key)
    sweepLocks(this.dir, key)
    sweepLedger(this.#folder, key)
    this.#keepDamagedCopy(key)
    return new FileLease(this.#folder, lock, letGo, lost.signal, this.#reader.legacy)
  }

  /** Under the lease: what was damaged is about to be replaced, and may be all there is of a secret. */
  #keepDamagedCopy(key: string): void {
    const bytes = this.#reader.damaged(key)
    if (bytes === undefined || bytes.length === 0) return
    const path = damagedFile(this.dir, key)
    try {
      io.remove(path)
      io.createFile(path, bytes.subarray(0, MAX_DAMAGED_BYTES), this.#folder.fileMode ?? 0o600)
    } catch {
      // A courtesy: the fetch must not depend on it.
    }
  }

  async waitForChange(key: string, seen: number | undefined, signal: AbortSignal): Promise<void> {
    const rest = new WakeableSleep()
    const wake = () => rest.wake()
    const stop = this.#folderWatch.subscribe(wake)
    signal.addEventListener('abort', wake)
    let owner: string | undefined
    try {
      for (let look = 0, poll = MIN_POLL_MS, late = 0; !signal.aborted; look++) {
        rest.reset()
        if (look === 0 ? (await this.read(key))?.generation !== seen : this.#reader.mayDiffer(key, seen)) return
        // To judge a holder costs five times as much as to see that its lock and its pid are still there.
        if (look % OWNER_CHECK_EVERY === 0 || owner === undefined || !isStillHeld(this.dir, key, owner)) {
          if (this.holder(key) === undefined) return
          owner = ownerName(this.dir, key)
        }
        const since = monotonic()
        await rest.sleep(poll + late)
        const isWoken = this.#folderWatch.isOn
        const over = monotonic() - since - poll - late
        late = isWoken ? 0 : Math.max(0, Math.min(MAX_REST_MS, over * 4))
        poll = Math.min(isWoken ? MAX_POLL_MS : MAX_POLL_WITHOUT_WATCHER_MS, poll + 5)
      }
    } catch (error) {
      throw this.#fault(error, key)
    } finally {
      signal.removeEventListener('abort', wake)
      stop()
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
        for (const key of new Set([...this.#missing, ...this.#reader.known()])) listener(key)
      },
      onFailure: () => {
        const message = `${this.dir} cannot be watched: changes are seen by asking`
        for (const warned of this.#listeners) warned({ key: undefined, code: 'ERR_DOG_STORE', message })
      },
    })
  }

  async *keys(): AsyncIterable<string> {
    if (!this.#folder.check()) return
    for (const file of io.list(this.dir)) {
      const name = recordName(file)
      const key = name === undefined ? undefined : this.#keyOf(name)
      if (key !== undefined) yield key
    }
  }

  /** A long key's name is cut: its record says it. */
  #keyOf(name: string): string | undefined {
    return isTruncated(name) ? this.#reader.keyAt(name) : decodeKey(name)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async close(): Promise<void> {
    this.#folderWatch.close()
  }
}

/** A symbolic link to a folder is followed, once. */
function realFolder(path: string): string {
  try {
    return io.realPath(path)
  } catch {
    return path
  }
}
