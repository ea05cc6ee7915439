import type { DogRecord } from '../../../../index.js'
import { DogError, storeError } from '../../model/errors.js'
import { now, pause } from '../../shared/clock.js'
import { decodeRecord } from '../../shared/format.js'
import { encodeKey, recordFile, recordPath } from './file-names.js'
import type { Folder } from './folder.js'
import * as io from './fs.js'

/**
 * guard_dog writes in place, so that a damaged file may only be half written. It is read again this
 * often.
 */
const DAMAGED_REREADS = 2
const REREAD_DELAY_MS = 20

/**
 * A file that changed less than this before it was read may change again without a difference in
 * its stat.
 */
const RACY_STAT_MS = 50

/**
 * The fields of a stat that differ when a file was replaced or changed. The whole stat is not kept:
 * it takes 700 bytes for every key.
 */
type FileVersion = Pick<io.FileStat, 'ino' | 'size' | 'mtimeMs' | 'ctimeMs'>

interface CachedRecord {
  version: FileVersion
  /** Epoch milliseconds at which the file was read. */
  readAt: number
  record: DogRecord | undefined
  /** The bytes of a damaged file. */
  damaged?: Buffer
}

/**
 * Reads records. A file is read only after it changed. Knows the file, and not what a record means.
 */
export class RecordReader {
  /** By path. */
  readonly #cache = new Map<string, CachedRecord>()
  /** The `by` of the record that was read last. */
  #lastBy: string | undefined
  /** By path: the reads of damaged files that are in progress. */
  readonly #rereads = new Map<string, Promise<DogRecord | undefined>>()

  /**
   * @param legacyDir the folder in which guard_dog would have kept its files, if that is another
   * one
   */
  constructor(
    readonly folder: Folder,
    readonly legacyDir: string | undefined,
  ) {}

  /** Returns the record. A promise only while a damaged file is being read again. */
  read(key: string): DogRecord | undefined | Promise<DogRecord | undefined> {
    const record = this.#readFrom(recordFile(this.folder.path, key), key)
    if (record !== undefined || this.legacyDir === undefined) return record
    return this.#readLegacy(key)
  }

  /**
   * Whether the record may by now be another than the one of `generation`, which was read before.
   * Costs one stat of its file.
   */
  mayDiffer(key: string, generation: number | undefined): boolean {
    const path = recordFile(this.folder.path, key)
    const found = this.#stat(path, key)
    const cached = this.#cache.get(path)
    if (found === undefined || cached === undefined) return (found ?? cached) !== undefined
    // A damaged file has no generation: `generation` came from elsewhere then, and only a change of
    // this file counts.
    return !isSameVersion(cached.version, found) || (cached.record !== undefined && cached.record.generation !== generation)
  }

  /** Whether the record's file is another one than was read last. Costs one stat. */
  hasChanged(key: string): boolean {
    const path = recordFile(this.folder.path, key)
    const cached = this.#cache.get(path)
    try {
      const found = io.stat(path)
      return found === undefined || cached === undefined ? found !== cached : !isSameVersion(cached.version, found)
    } catch {
      // The next check may succeed. Whoever reads the record gets the error.
      return false
    }
  }

  /** The key of the record whose encoded key is `name`, as the record itself states it. */
  keyAt(name: string): string | undefined {
    try {
      const found = io.readFile(recordPath(this.folder.path, name))
      const record = found === undefined ? 'damaged' : decodeRecord(found.bytes.toString(), '')
      return typeof record === 'object' && encodeKey(record.key) === name ? record.key : undefined
    } catch {
      return undefined
    }
  }

  /** The keys of the cached records. */
  *cachedKeys(): Iterable<string> {
    for (const { record } of this.#cache.values()) if (record !== undefined) yield record.key
  }

  /** Frees what was read of the key. */
  forget(key: string): void {
    this.#cache.delete(recordFile(this.folder.path, key))
    if (this.legacyDir !== undefined) this.#cache.delete(recordFile(this.legacyDir, key))
  }

  /** The bytes of a damaged record, as they were read. */
  damagedBytes(key: string): Buffer | undefined {
    return this.#cache.get(recordFile(this.folder.path, key))?.damaged
  }

  /**
   * Reads the file that guard_dog left in the working folder. It is used until this folder has a
   * record.
   */
  #readLegacy(key: string): DogRecord | undefined | Promise<DogRecord | undefined> {
    const path = recordFile(this.legacyDir!, key)
    // The working folder may be anybody's, so that a file of another user is not trusted.
    const ownUid = process.getuid?.()
    const found = this.#statLegacy(path, key)
    if (found === undefined || (ownUid !== undefined && found.uid !== ownUid)) return undefined
    const record = this.#readFrom(path, key)
    return record !== undefined && !(record instanceof Promise) && 'by' in record ? undefined : record
  }

  /** A working folder that Node's permission model closes has no file to adopt. */
  #statLegacy(path: string, key: string): io.FileStat | undefined {
    return io.isDenied(this.legacyDir!, 'read') ? undefined : this.#stat(path, key)
  }

  #readFrom(path: string, key: string): DogRecord | undefined | Promise<DogRecord | undefined> {
    if (!this.folder.check() && this.legacyDir === undefined) return undefined
    const found = this.#stat(path, key)
    const cached = this.#cache.get(path)
    if (found === undefined) {
      if (cached !== undefined) this.#cache.delete(path)
      return undefined
    }
    // While a damaged file is read again, every other reader waits for that: the file may be in the
    // middle of a write.
    const reread = this.#rereads.get(path)
    if (reread !== undefined) return reread
    if (cached !== undefined && isSameVersion(cached.version, found) && isSettled(cached)) return cached.record
    const decoded = this.#decode(path, key)
    if (decoded !== 'damaged') return decoded
    const started = this.#reread(path, key).finally(() => this.#rereads.delete(path))
    this.#rereads.set(path, started)
    return started
  }

  #stat(path: string, key: string): io.FileStat | undefined {
    try {
      return io.stat(path)
    } catch (error) {
      throw storeError(path, `cannot be reached${io.ownerOf(path, error)}`, error, key)
    }
  }

  /**
   * Reads the file and caches its record. `undefined` instead of 'damaged' if this version is
   * already cached as damaged.
   */
  #decode(path: string, key: string): DogRecord | undefined | 'damaged' {
    const found = io.readFile(path)
    if (found === undefined) return undefined
    this.folder.protect(path, found.stat)
    const decoded = decodeRecord(found.bytes.toString(), key)
    const record = typeof decoded === 'object' && isMisplaced(decoded, key) ? 'damaged' : decoded
    if (record === 'newer') throw storeError(path, 'was written by a newer dotdog', undefined, key)
    if (record === 'damaged') {
      const cached = this.#cache.get(path)
      const isKnown = cached?.damaged !== undefined && isSameVersion(cached.version, found.stat)
      this.#cache.set(path, { version: versionOf(found.stat), readAt: now(), record: undefined, damaged: found.bytes })
      return isKnown ? undefined : 'damaged'
    }
    if (record.key !== key) throw wrongKeyError(path, key, record.key)
    // Many records share one string for the key and the process, instead of holding a copy each.
    record.key = key
    if (record.by !== undefined) record.by = this.#lastBy = record.by === this.#lastBy ? this.#lastBy : record.by
    this.#cache.set(path, { version: versionOf(found.stat), readAt: now(), record })
    return record
  }

  async #reread(path: string, key: string): Promise<DogRecord | undefined> {
    for (let rereads = 0; rereads < DAMAGED_REREADS; rereads++) {
      await pause(REREAD_DELAY_MS)
      this.#cache.delete(path)
      const decoded = this.#decode(path, key)
      if (decoded !== 'damaged') return decoded
    }
    this.folder.warn('ERR_DOG_STORE', `${path} is damaged: it counts as missing`, key)
    return undefined
  }
}

function wrongKeyError(path: string, key: string, found: string): DogError {
  const message = `${path}: holds the key ${JSON.stringify(found)}: names that differ only in case share a file here`
  return new DogError('ERR_DOG_STORE', message, { key, path })
}

/**
 * Whether the record of another key was copied into this key's file, by hand or by damage. Such a
 * record is treated as damaged. Two records are not, because each may be the only copy of a secret:
 * one of a key that differs only in case, since both share a file on some file systems, and one
 * that is sealed.
 */
const isMisplaced = ({ key: found, sealed }: DogRecord, key: string): boolean =>
  sealed === undefined && (!found.isWellFormed() || encodeKey(found).toLowerCase() !== encodeKey(key).toLowerCase())

const versionOf = ({ ino, size, mtimeMs, ctimeMs }: FileVersion): FileVersion => ({ ino, size, mtimeMs, ctimeMs })

const isSameVersion = (a: FileVersion, b: FileVersion): boolean =>
  a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs

const isSettled = ({ readAt, version }: CachedRecord): boolean =>
  readAt - Math.max(version.mtimeMs, version.ctimeMs) > RACY_STAT_MS
