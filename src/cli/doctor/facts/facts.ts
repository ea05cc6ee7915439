import type { KeyStatus } from 'dotdog'
import type { FolderReason } from '../../configuration/folder.js'

/** What is known of the machine, for the checks. No value and no secret is among it. */

/** Where and how the program runs. */
export interface LaunchFacts {
  workingFolder: string
  /** `undefined` where the system knows no users. */
  uid: number | undefined
  /** The names of the processes above this one, the nearest first. */
  parents: string[]
  isPm2: boolean
  isCron: boolean
  isNpx: boolean
  /** What shows that this is a container. */
  container: string | undefined
  /** `DOTDOG_DIR`, as an absolute path. */
  environmentFolder: string | undefined
}

export type PlaceFacts =
  | { kind: 'folder'; dir: string; reason: FolderReason }
  | { kind: 'store'; scheme: string }
  | { kind: 'none'; message: string; hint: string | undefined }

export interface ConfigurationFacts {
  /** `undefined` where there is no file. */
  path: string | undefined
  /** Why the file cannot be used at all. */
  refusal: string | undefined
  /** What is wrong in it, each with its line and column. */
  problems: string[]
  /** Secrets that are not there. */
  missing: string[]
  keyCount: number
  isEncrypted: boolean
  hasAccountOfEnvironment: boolean
  place: PlaceFacts
}

/** A file or folder, as the system has it. */
export interface FileFact {
  path: string
  type: 'file' | 'folder' | 'link' | 'other'
  uid: number
  /** Permission bits, with the sticky bit. */
  mode: number
  mtimeMs: number
}

/** A record without its value. */
export interface RecordFact {
  /** The encoded key: the file's name without its suffix. */
  name: string
  identity: string | undefined
  isSealed: boolean
  fetchedAt: number
  expiresAt: number
}

/** The owner file in the lock of a key. */
export interface LockFact {
  /** The encoded key. */
  name: string
  pid: number | undefined
  /** When its holder last showed a sign of life. */
  heartbeatMs: number
  /** Whether the holder is stopped, as by SIGSTOP; only where it is a process of this system. */
  isStopped: boolean
}

export interface MountFact {
  type: string
  point: string
  isReadOnly: boolean
}

export interface FolderFacts {
  dir: string
  exists: boolean
  /** Folders above it that others can write, and that are not protected by the sticky bit. */
  writableParents: FileFact[]
  folder: FileFact | undefined
  /** The files and subfolders of dotdog in it. */
  files: FileFact[]
  /** Whether there were more files than were looked at. */
  isTruncated: boolean
  records: RecordFact[]
  locks: LockFact[]
  /** What killed processes left behind, and damaged records that were kept aside. */
  leftovers: FileFact[]
  mount: MountFact | undefined
  /** `undefined` where the system does not say it. */
  freeBytes: number | undefined
}

export interface WatchingFacts {
  /** The system's code, where the folder cannot be watched. */
  error: string | undefined
}

/** Another folder in which programs of this user may keep values. */
export interface OtherFolder {
  dir: string
  records: RecordFact[]
}

/** What the upstream at an address says of the time. */
export interface ClockFact {
  origin: string
  /** How far this machine's clock is ahead. */
  aheadMs: number | undefined
  /** One of our own sentences, where there was no answer. */
  problem: string | undefined
}

/** What the platform says to an account that asks from here. */
export interface AccountFact {
  appId: string
  origin: string
  /** Whether the platform answered, and takes calls from this machine. */
  isAllowed: boolean
  errcode: number | undefined
  /** The address of this machine, as the platform sees it. */
  ip: string | undefined
  message: string | undefined
  hint: string | undefined
  hintZh: string | undefined
}

/** Each step of gathering, and what it finds. */
export interface Steps {
  launch: LaunchFacts
  configuration: ConfigurationFacts
  folder: FolderFacts
  watching: WatchingFacts
  others: OtherFolder[]
  keys: KeyStatus[]
  clocks: ClockFact[]
  accounts: AccountFact[]
}
export type Step = keyof Steps

export interface Facts extends Partial<Steps> {
  /** Why a step found nothing: it took too long, or this error. A step that does not apply is not in it. */
  gaps: Partial<Record<Step, { isTimeout: boolean; message: string }>>
  now: number
}
