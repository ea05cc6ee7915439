import { basename, join } from 'node:path'
import { MAX_KEY_CHARS } from '../../model/options.js'

/**
 * Builds and parses every name on disk. No other file does. The layout is part of format 1: another
 * version of dotdog in the same folder relies on it.
 *
 *     KEY.dog                   the record
 *     .gitignore                "*"
 *     .state/KEY.json           the ledger; KEY.json.NONCE while it is written
 *     .state/removed/DUE/KEY    a removed key, whose ledger can be deleted at DUE (epoch milliseconds)
 *     .state/KEY.damaged        the bytes of a damaged record, kept aside
 *     .lock/KEY/OWNER           the lock: a folder with one file, whose name describes the holder
 *     .lock/~OWNER/OWNER        a lock being prepared
 */
const RECORD_SUFFIX = '.dog'
const LEDGER_SUFFIX = '.json'

/**
 * Most file systems allow 255 bytes. A longer name is cut, and a hash keeps it different from
 * others.
 */
const MAX_NAME_CHARS = 180
/** The characters that `~` and the fingerprint take in a name that was cut, and one to spare. */
const TRUNCATION_CHARS = 18

/** Names that Windows reserves, with any extension. All of them have three or four letters. */
const RESERVED_ON_WINDOWS = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])$/i
const PLAIN_NAME = /^[\w-]*$/

/**
 * The name of a key's file, without its suffix. Letters, digits, `_` and `-` stay, and all other
 * bytes become %XX. So no key leads out of the folder, and none becomes a hidden file.
 */
export function encodeKey(key: string): string {
  const percent = (byte: number) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  if (key.length <= 4 && RESERVED_ON_WINDOWS.test(key)) return percent(key.charCodeAt(0)) + key.slice(1)
  if (PLAIN_NAME.test(key)) return key
  let name = ''
  for (const char of key) name += /[A-Za-z0-9_-]/.test(char) ? char : [...Buffer.from(char)].map(percent).join('')
  return name.length <= MAX_NAME_CHARS ? name : `${name.slice(0, MAX_NAME_CHARS - TRUNCATION_CHARS)}~${fingerprint(key)}`
}

/**
 * The key of an encoded name. `undefined` for a name that `encodeKey` does not make, or that was
 * cut.
 */
export function decodeKey(name: string): string | undefined {
  try {
    const key = decodeURIComponent(name)
    return key.length > 0 && key.length <= MAX_KEY_CHARS && encodeKey(key) === name ? key : undefined
  } catch {
    return undefined
  }
}

/** A hash of 64 bits (FNV-1a). It keeps names different and protects no secret. */
export function fingerprint(text: string): string {
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(text)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn
  return hash.toString(16).padStart(16, '0')
}

export const recordPath = (dir: string, name: string): string => join(dir, name + RECORD_SUFFIX)
export const recordFile = (dir: string, key: string): string => recordPath(dir, encodeKey(key))
/** The encoded key in the name of a record's file. `undefined` if the file is no record. */
export const recordName = (file: string): string | undefined =>
  file.endsWith(RECORD_SUFFIX) && file.length > RECORD_SUFFIX.length ? file.slice(0, -RECORD_SUFFIX.length) : undefined
/** Whether an encoded key was cut. Only the record itself holds the whole key then. */
export const isTruncated = (name: string): boolean => name.includes('~')

export const stateFolder = (dir: string): string => join(dir, '.state')
export const ledgerFile = (dir: string, key: string): string => join(dir, '.state', encodeKey(key) + LEDGER_SUFFIX)
/** The folders of removed keys, one for each time at which some are due. */
export const removedFolder = (dir: string): string => join(dir, '.state', 'removed')
export const removedFile = (dir: string, due: number, key: string): string =>
  join(removedFolder(dir), String(due), encodeKey(key))
export const damagedFile = (dir: string, key: string): string => join(dir, '.state', `${encodeKey(key)}.damaged`)
/**
 * The file into which a holder writes a ledger before renaming it. Its name follows from the lock's,
 * so that whoever evicts the holder finds it without a listing: there may be a ledger for every user.
 *
 * @param lock the key's lock, of which the file's own name is the encoded key
 */
export const tempLedgerFile = (dir: string, lock: string, { nonce }: Owner): string =>
  join(stateFolder(dir), `${basename(lock)}${LEDGER_SUFFIX}.${nonce}`)

export const lockFolder = (dir: string): string => join(dir, '.lock')
export const keyLock = (dir: string, key: string): string => join(dir, '.lock', encodeKey(key))
/** The folder of a lock in preparation. */
export const preparedLock = (dir: string, owner: Owner): string => join(dir, '.lock', `~${owner.name}`)
/** The owner of a lock in preparation, from the name of its folder in `.lock`. */
export const parsePreparedLock = (name: string): Owner | undefined =>
  name.startsWith('~') ? parseOwner(name.slice(1)) : undefined

/**
 * Whether dotdog puts a file of this name into its folder, or macOS does (`.DS_Store`). A folder
 * with only such names is dotdog's own, so that its mode may be changed.
 */
export const isManaged = (name: string): boolean =>
  ['.gitignore', '.state', '.lock', '.DS_Store'].includes(name) || name.endsWith(RECORD_SUFFIX)

/**
 * Describes the holder of a lock. All of it stands in the name of the owner file. Nothing is
 * written after the lock is won, so that no owner file can be half written.
 */
export interface Owner {
  /** Orders the fetches of the key. */
  fencingToken: number
  /** The fingerprint of host, boot and pid namespace. Pids can be compared only within one. */
  processScope: string
  pid: number
  /**
   * The start time of the process in the kernel's clock ticks, which tells it from a later process
   * with its pid. '0': unknown.
   */
  processStart: string
  /** Monotonic milliseconds at which the lock was acquired. */
  acquiredAt: number
  /** Counts from `acquiredAt`. */
  timeoutMs: number
  /** Tells the acquisitions of one process apart. */
  nonce: string
  /** The name of the owner file. */
  name: string
}

export function makeOwner(parts: Omit<Owner, 'name'>): Owner {
  const { fencingToken, processScope, pid, processStart, acquiredAt, timeoutMs, nonce } = parts
  return { ...parts, name: [fencingToken, processScope, pid, processStart, acquiredAt, timeoutMs, nonce].join('.') }
}

const OWNER_NAME = /^(\d{1,16})\.([0-9a-f]{16})\.(\d{1,10})\.(\d{1,20})\.(\d{1,16})\.(\d{1,10})\.([0-9a-f]{16})$/

export function parseOwner(name: string): Owner | undefined {
  const match = OWNER_NAME.exec(name)
  if (match === null) return undefined
  const [, token, processScope, pid, processStart, acquiredAt, timeoutMs, nonce] = match as unknown as string[]
  return {
    fencingToken: Number(token),
    processScope: processScope!,
    pid: Number(pid),
    processStart: processStart!,
    acquiredAt: Number(acquiredAt),
    timeoutMs: Number(timeoutMs),
    nonce: nonce!,
    name,
  }
}
