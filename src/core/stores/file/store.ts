import type { DogRecord, Lease, Ledger, Store } from '../../../../index.js'
import { DogError, storeError } from '../../model/errors.js'
import { monotonic, now, Rest } from '../../shared/clock.js'
import { step } from '../../shared/failpoint.js'
import { damagedFile, decodeKey, isCut, recordFile, recordName } from './file-names.js'
import { defaultFolder, Folder } from './folder.js'
import { Wake } from './folder-wake.js'
import { watchRecords } from './folder-watcher.js'
import * as io from './fs.js'
import { takeLock } from './heartbeat.js'
import { FileLease } from './lease.js'
import { readLedger, sweepLedger } from './ledger-file.js'
import { Lock, livingHolder, ownerName, stillHeld, sweepLocks } from './lock.js'
import { Reader } from './record-file.js'

/** Milliseconds between two looks of a waiter, whom the watcher normally wakes before. */
const FIRST_POLL = 5
const LAST_POLL = 100
const LAST_POLL_UNWOKEN = 25
/** Whose timer came late is on a busy machine, which hundreds of looks would keep from the fetch: it rests so much longer. */
const LONGEST_REST = 250
/** Every so many looks the holder is judged, who may be dead and not buried, or overdue. */
const JUDGED = 4

/** As much of a damaged record as is kept aside. */
const KEPT_ASIDE = 64 * 1024

type Warning = { key: string | undefined; code: string; message: string }

/** The default store: one `.dog` file a key. Puts the parts together; the rules are in `lock.ts`. */
export class FileStore implements Store {
  readonly name = 'file'
  readonly #folder: Folder
  readonly #reader: Reader
  readonly #wake: Wake
  readonly #listeners = new Set<(warning: Warning) => void>()
  /** Asked for, and not there. */
  readonly #missing = new Set<string>()
  /** The last number this process drew, by key: none is used twice, also when the record is deleted meanwhile. */
  readonly #drawn = new Map<string, number>()

  /** @param dir the folder; default: see `defaultFolder`, and guard_dog's files of the working folder are adopted */
  constructor(dir: string | undefined, mode: number | undefined) {
    const path = dir ?? defaultFolder()
    const warn = (code: string, message: string, key?: string) => {
      for (const listener of this.#listeners) listener({ key, code, message })
    }
    this.#folder = new Folder(realFolder(path), mode, warn)
    const working = process.cwd()
    this.#reader = new Reader(this.#folder, dir === undefined && working !== this.#folder.path ? working : undefined)
    this.#wake = new Wake(this.#folder.path, warn)
  }

  get dir(): string {
    return this.#folder.path
  }

  path(key: string): string {
    return recordFile(this.dir, key)
  }

  warn(listener: (warning: Warning) => void): void {
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

  ledger(key: string): Ledger | undefined {
    try {
      return readLedger(this.#folder, key)
    } catch (error) {
      throw this.#fault(error, key)
    }
  }

  holder(key: string): { number: number; name: string } | undefined {
    try {
      return livingHolder(this.dir, key)
    } catch (error) {
      throw this.#fault(error, key)
    }
  }

  async take(key: string, timeout: number): Promise<Lease | undefined> {
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
    const lock = new Lock(this.#folder, key, Math.ceil(timeout * 1000), (displaced) => {
      const last = Math.max(this.ledger(key)?.fetches.last ?? 0, this.#drawn.get(key) ?? 0)
      const number = Math.max(record?.generation ?? Math.floor(now()), displaced, last) + 1
      this.#drawn.set(key, number)
      return number
    })
    const lost = new AbortController()
    const letGo = await takeLock(lock, record === undefined ? 0 : 2 * JSON.stringify(record).length, () => lost.abort())
    if (letGo === undefined) return undefined
    step('take.leased', key)
    sweepLocks(this.dir, key)
    sweepLedger(this.#folder, key)
    this.#keepAside(key)
    return new FileLease(this.#folder, lock, letGo, lost.signal, this.#reader.legacy)
  }

  /** Under the lease: what was damaged is about to be replaced, and may be all there is of a secret. */
  #keepAside(key: string): void {
    const bytes = this.#reader.damaged(key)
    if (bytes === undefined || bytes.length === 0) return
    const path = damagedFile(this.dir, key)
    try {
      io.remove(path)
      io.createFile(path, bytes.subarray(0, KEPT_ASIDE), this.#folder.fileMode ?? 0o600)
    } catch {
      // A courtesy: the fetch must not depend on it.
    }
  }

  async settled(key: string, seen: number | undefined, signal: AbortSignal): Promise<void> {
    const rest = new Rest()
    const wake = () => rest.end()
    const stop = this.#wake.subscribe(wake)
    signal.addEventListener('abort', wake)
    let owner: string | undefined
    try {
      for (let look = 0, poll = FIRST_POLL, late = 0; !signal.aborted; look++) {
        rest.begin()
        if (look === 0 ? (await this.read(key))?.generation !== seen : this.#reader.mayDiffer(key, seen)) return
        // To judge a holder costs five times as much as to see that its lock and its pid are still there.
        if (look % JUDGED === 0 || owner === undefined || !stillHeld(this.dir, key, owner)) {
          if (this.holder(key) === undefined) return
          owner = ownerName(this.dir, key)
        }
        const since = monotonic()
        await rest.take(poll + late)
        const isWoken = this.#wake.isOn
        const over = monotonic() - since - poll - late
        late = isWoken ? 0 : Math.max(0, Math.min(LONGEST_REST, over * 4))
        poll = Math.min(isWoken ? LAST_POLL : LAST_POLL_UNWOKEN, poll + 5)
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
    return isCut(name) ? this.#reader.keyAt(name) : decodeKey(name)
  }

  async close(): Promise<void> {
    this.#wake.close()
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
