import type { DogRecord } from '../../../../index.js'
import { DogError, storeError } from '../../model/errors.js'
import { now, pause } from '../../shared/clock.js'
import { decodeRecord } from '../../shared/format.js'
import { encodeKey, recordFile, recordPath } from './file-names.js'
import type { Folder } from './folder.js'
import * as io from './fs.js'

/**
 * Reads records, each as often as its file changes. Knows the file, not what a record means.
 */

/** guard_dog writes in place: a torn file is read again so often, so many milliseconds apart. */
const DAMAGED_REREADS = 2
const REREAD_DELAY_MS = 20

/** A file that changed less than this before it was read may change again without its stat showing it. */
const RACY_STAT_MS = 50

/** What tells a file that was replaced or changed from one that was not. Not the whole stat: it takes 700 bytes, for every key. */
type Mark = Pick<io.FileStat, 'ino' | 'size' | 'mtimeMs' | 'ctimeMs'>

interface Seen {
  stat: Mark
  /** When it was read, epoch milliseconds. */
  at: number
  record: DogRecord | undefined
  /** What a damaged file held. */
  damaged?: Buffer
}

export class RecordReader {
  readonly #seen = new Map<string, Seen>()
  /** Who fetched the record that was read last. */
  #by: string | undefined
  readonly #rereading = new Map<string, Promise<DogRecord | undefined>>()

  /** @param legacy the folder in which guard_dog would have kept its files, if that is another one */
  constructor(
    readonly folder: Folder,
    readonly legacy: string | undefined,
  ) {}

  /** The record. A promise only where a damaged file is being read again. */
  read(key: string): DogRecord | undefined | Promise<DogRecord | undefined> {
    const record = this.#readAt(recordFile(this.folder.path, key), key)
    if (record !== undefined || this.legacy === undefined) return record
    return this.#readLegacy(key)
  }

  /** Whether the record may be another by now than that of a generation which was read before: by one look at its file. */
  mayDiffer(key: string, generation: number | undefined): boolean {
    const path = recordFile(this.folder.path, key)
    const found = this.#stat(path, key)
    const seen = this.#seen.get(path)
    if (found === undefined || seen === undefined) return (found ?? seen) !== undefined
    // What is damaged has no generation: what was read then came from elsewhere.
    return !isSame(seen.stat, found) || (seen.record !== undefined && seen.record.generation !== generation)
  }

  /** The key that the record of an encoded name says it has. */
  keyAt(name: string): string | undefined {
    try {
      const found = io.readFile(recordPath(this.folder.path, name))
      const record = found === undefined ? 'damaged' : decodeRecord(found.bytes.toString(), '')
      return typeof record === 'object' && encodeKey(record.key) === name ? record.key : undefined
    } catch {
      return undefined
    }
  }

  /** The keys whose records are remembered. */
  *known(): Iterable<string> {
    for (const { record } of this.#seen.values()) if (record !== undefined) yield record.key
  }

  /** The bytes of a damaged record, as they were read. */
  damaged(key: string): Buffer | undefined {
    return this.#seen.get(recordFile(this.folder.path, key))?.damaged
  }

  /** What guard_dog left in the working folder counts until there is a record of ours. */
  #readLegacy(key: string): DogRecord | undefined | Promise<DogRecord | undefined> {
    const path = recordFile(this.legacy!, key)
    // A working folder may be anybody's: what another user put there is not ours to believe.
    const us = process.getuid?.()
    if (us !== undefined && this.#stat(path, key)?.uid !== us) return undefined
    const record = this.#readAt(path, key)
    return record !== undefined && !(record instanceof Promise) && 'by' in record ? undefined : record
  }

  #readAt(path: string, key: string): DogRecord | undefined | Promise<DogRecord | undefined> {
    if (!this.folder.check() && this.legacy === undefined) return undefined
    const found = this.#stat(path, key)
    const seen = this.#seen.get(path)
    if (found === undefined) {
      if (seen !== undefined) this.#seen.delete(path)
      return undefined
    }
    // Who asks while a damaged file is being read again waits for that: it may be in the middle of a write.
    const rereading = this.#rereading.get(path)
    if (rereading !== undefined) return rereading
    if (seen !== undefined && isSame(seen.stat, found) && isSettled(seen)) return seen.record
    const decoded = this.#decode(path, key)
    if (decoded !== 'damaged') return decoded
    const again = this.#reread(path, key).finally(() => this.#rereading.delete(path))
    this.#rereading.set(path, again)
    return again
  }

  #stat(path: string, key: string): io.FileStat | undefined {
    try {
      return io.stat(path)
    } catch (error) {
      throw storeError(path, `cannot be reached${io.ownerOf(path)}`, error, key)
    }
  }

  #decode(path: string, key: string): DogRecord | undefined | 'damaged' {
    const found = io.readFile(path)
    if (found === undefined) return undefined
    this.folder.protect(path, found.stat)
    const decoded = decodeRecord(found.bytes.toString(), key)
    // Another key's, copied here by hand or by damage, is nobody's; a twin's, or a sealed one, may be all
    // there is of a secret.
    const record = typeof decoded === 'object' && isStray(decoded, key) ? 'damaged' : decoded
    if (record === 'newer') throw storeError(path, 'was written by a newer dotdog', undefined, key)
    if (record === 'damaged') {
      const known = this.#seen.get(path)
      const warned = known?.damaged !== undefined && isSame(known.stat, found.stat)
      this.#seen.set(path, { stat: markOf(found.stat), at: now(), record: undefined, damaged: found.bytes })
      return warned ? undefined : 'damaged'
    }
    if (record.key !== key) {
      throw new DogError(
        'ERR_DOG_STORE',
        `${path}: holds the key ${JSON.stringify(record.key)}: names that differ only in case share a file here`,
        {
          key,
          path,
        },
      )
    }
    // One string for many records, instead of a copy each.
    record.key = key
    if (record.by !== undefined) record.by = this.#by = record.by === this.#by ? this.#by : record.by
    this.#seen.set(path, { stat: markOf(found.stat), at: now(), record })
    return record
  }

  async #reread(path: string, key: string): Promise<DogRecord | undefined> {
    for (let tries = 0; tries < DAMAGED_REREADS; tries++) {
      await pause(REREAD_DELAY_MS)
      this.#seen.delete(path)
      const decoded = this.#decode(path, key)
      if (decoded !== 'damaged') return decoded
    }
    this.folder.warn('ERR_DOG_STORE', `${path} is damaged: it counts as missing`, key)
    return undefined
  }
}

/** Whether a record of that key cannot have come into this key's file by itself: names that differ in case share one. */
const isStray = ({ key: found, sealed }: DogRecord, key: string): boolean =>
  sealed === undefined && (!found.isWellFormed() || encodeKey(found).toLowerCase() !== encodeKey(key).toLowerCase())

const markOf = ({ ino, size, mtimeMs, ctimeMs }: Mark): Mark => ({ ino, size, mtimeMs, ctimeMs })

const isSame = (a: Mark, b: Mark): boolean =>
  a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs

const isSettled = (seen: Seen): boolean => seen.at - Math.max(seen.stat.mtimeMs, seen.stat.ctimeMs) > RACY_STAT_MS
