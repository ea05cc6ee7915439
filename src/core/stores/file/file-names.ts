import { join } from 'node:path'

/**
 * Every name on disk is built and parsed here, and nowhere else. The layout is part of format 1: another version of dotdog
 * in the same folder relies on it.
 *
 *     KEY.dog                   the record
 *     .gitignore                "*"
 *     .state/KEY.json           the ledger; KEY.json.NONCE while it is written
 *     .state/KEY.damaged        the bytes of a damaged record, kept aside
 *     .lock/KEY/OWNER           the lock: a folder with one file, whose name says all
 *     .lock/~OWNER/OWNER        a lock being prepared
 */
const RECORD = '.dog'
const LEDGER = '.json'

/** Long names are cut and told apart by a hash, as most file systems allow 255 bytes. */
const MAX_NAME_CHARS = 180
/** Characters of a key: a file with a longer name is nobody's. */
const MAX_KEY_CHARS = 120

/** What Windows keeps for itself, with any ending. All have three or four letters. */
const RESERVED = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])$/i
const PLAIN = /^[\w-]*$/

/** Letters, digits, `_` and `-` stay, the rest is %XX, so that no key leaves the folder or hides in it. */
export function encodeKey(key: string): string {
  const percent = (byte: number) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  if (key.length <= 4 && RESERVED.test(key)) return percent(key.charCodeAt(0)) + key.slice(1)
  if (PLAIN.test(key)) return key
  let name = ''
  for (const char of key) name += /[A-Za-z0-9_-]/.test(char) ? char : [...Buffer.from(char)].map(percent).join('')
  return name.length <= MAX_NAME_CHARS ? name : `${name.slice(0, MAX_NAME_CHARS - 18)}~${fingerprint(key)}`
}

/** The key of an encoded name; undefined for a name that we would not have made, or that was cut. */
export function decodeKey(name: string): string | undefined {
  try {
    const key = decodeURIComponent(name)
    return key.length > 0 && key.length <= MAX_KEY_CHARS && encodeKey(key) === name ? key : undefined
  } catch {
    return undefined
  }
}

/** 64 bits of FNV-1a: tells names apart, keeps no secret. */
export function fingerprint(text: string): string {
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(text)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn
  return hash.toString(16).padStart(16, '0')
}

export const recordPath = (dir: string, name: string): string => join(dir, name + RECORD)
export const recordFile = (dir: string, key: string): string => recordPath(dir, encodeKey(key))
/** The encoded key in the name of a record's file. */
export const recordName = (file: string): string | undefined =>
  file.endsWith(RECORD) && file.length > RECORD.length ? file.slice(0, -RECORD.length) : undefined
/** Whether an encoded key was cut, so that only the record itself can say its key. */
export const isTruncated = (name: string): boolean => name.includes('~')

export const stateFolder = (dir: string): string => join(dir, '.state')
export const ledgerFile = (dir: string, key: string): string => join(dir, '.state', encodeKey(key) + LEDGER)
export const damagedFile = (dir: string, key: string): string => join(dir, '.state', `${encodeKey(key)}.damaged`)
/** A ledger that one holder is writing. */
export const nextLedgerFile = (dir: string, key: string, nonce: string): string => `${ledgerFile(dir, key)}.${nonce}`
/** Whether a name in `.state` is one that a killed writer of this key's ledger left behind. */
export const isStaleTemp = (name: string, key: string): boolean => {
  const ledger = `${encodeKey(key)}${LEDGER}.`
  return name.startsWith(ledger) && /^[0-9a-f]+$/.test(name.slice(ledger.length))
}

export const lockFolder = (dir: string): string => join(dir, '.lock')
export const keyLock = (dir: string, key: string): string => join(dir, '.lock', encodeKey(key))
export const privateLock = (dir: string, owner: Owner): string => join(dir, '.lock', `~${owner.name}`)
/** The owner of a lock in preparation, from its name in `.lock`. */
export const parsePrivate = (name: string): Owner | undefined => (name.startsWith('~') ? parseOwner(name.slice(1)) : undefined)

/** What everything in the folder is that nobody but us put there: such a folder is ours to protect. */
export const isManaged = (name: string): boolean =>
  ['.gitignore', '.state', '.lock', '.DS_Store'].includes(name) || name.endsWith(RECORD)

/** Who holds a lock. All of it stands in the file's name: nothing is written after winning, so nothing can be torn. */
export interface Owner {
  /** Orders the fetches of the key. */
  fencingToken: number
  /** Fingerprint of host, boot and pid namespace: pids can be compared only within one. */
  processScope: string
  pid: number
  /** Start time of the process in the kernel's clock ticks, so that a reused pid is not taken for it. '0': unknown. */
  start: string
  /** Monotonic milliseconds at the take. */
  acquiredAt: number
  /** Milliseconds. */
  timeout: number
  nonce: string
  /** The file's name. */
  name: string
}

export function makeOwner(parts: Omit<Owner, 'name'>): Owner {
  const { fencingToken, processScope, pid, start, acquiredAt, timeout, nonce } = parts
  return { ...parts, name: [fencingToken, processScope, pid, start, acquiredAt, timeout, nonce].join('.') }
}

const OWNER = /^(\d{1,16})\.([0-9a-f]{16})\.(\d{1,10})\.(\d{1,20})\.(\d{1,16})\.(\d{1,10})\.([0-9a-f]{16})$/

export function parseOwner(name: string): Owner | undefined {
  const match = OWNER.exec(name)
  if (match === null) return undefined
  const [, token, processScope, pid, start, acquiredAt, timeout, nonce] = match as unknown as string[]
  return {
    fencingToken: Number(token),
    processScope: processScope!,
    pid: Number(pid),
    start: start!,
    acquiredAt: Number(acquiredAt),
    timeout: Number(timeout),
    nonce: nonce!,
    name,
  }
}
