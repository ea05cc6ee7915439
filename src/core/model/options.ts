import type { DogOptions, EncryptionKey, Fetcher, GetOptions, KeyOptions, Store } from '../../../index.js'
import { resolveFolder } from '../shared/home-folder.js'
import {
  BOOLEAN,
  checkOptions,
  FUNCTION,
  misuse,
  misuseOfSecret,
  type Rule,
  type Rules,
  SECONDS,
  secondsUpTo,
  TEXT,
} from '../shared/validate.js'
import { type CipherKey, toCipherKey } from './encryption.js'
import { DAY_S, type Quota } from './quota.js'

/**
 * Checks the options and keys that users pass in. Everything behind this file relies on the check.
 */

/** The configuration of one key, with all defaults filled in. Durations are in seconds. */
export interface KeyConfig {
  fetcher: Fetcher<never> | undefined
  followOnly: boolean
  timeout: number
  refreshAhead: number | undefined
  identity: string | undefined
  quota: Quota | undefined
  /** The length of the window in which attempts are counted, also without a quota. */
  window: number
  autoRefresh: boolean
  isRejected: ((error: unknown) => boolean) | undefined
  credentialId: KeyOptions['credentialId']
  /** The first key encrypts. All of them decrypt. */
  encryptionKeys: readonly CipherKey[]
}

export const MAX_KEY_CHARS = 120

const DEFAULT_TIMEOUT_S = 30
const MAX_TIMEOUT_S = 600
const FILE_MODES = [0o600, 0o640, 0o660]

const isEncryptionKey = (value: unknown): boolean =>
  (value instanceof Uint8Array && value.length === 32) || (typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value))

const FOLDER: Rule = { ...TEXT, rule: 'must be the path of a folder' }
const MODE: Rule = { test: (value: number) => FILE_MODES.includes(value), rule: 'must be 0o600, 0o640 or 0o660' }

const KEY_RULES: Rules = {
  dir: FOLDER,
  store: {
    test: (value: Store) =>
      typeof value?.acquire === 'function' && typeof value.read === 'function' && Array.isArray(value.capabilities),
    rule: 'must be a store, with a list of its capabilities',
    // A URL with a password in the wrong place is still a secret.
    isSecret: true,
  },
  refreshAhead: SECONDS,
  timeout: secondsUpTo(MAX_TIMEOUT_S),
  identity: TEXT,
  quota: {
    test: (value: Quota) =>
      typeof value === 'object' && value?.limit > 0 && Number.isInteger(value.limit) && (value.window ?? DAY_S) > 0,
    rule: 'must be { limit, window }: the number of fetches, and the seconds in which they are counted',
  },
  autoRefresh: BOOLEAN,
  followOnly: BOOLEAN,
  isRejected: { ...FUNCTION, isSecret: false },
  credentialId: {
    test: (value: unknown) => typeof value === 'function' || TEXT.test(value as never),
    rule: 'must be a string that is not empty, or a function that returns one',
    // A secret in its place is still a secret.
    isSecret: true,
  },
  encryptionKey: {
    test: (value: unknown) =>
      Array.isArray(value) ? value.length > 0 && value.every(isEncryptionKey) : isEncryptionKey(value),
    rule: 'must be 32 bytes or 64 hex digits, or a list of these',
    // An encryption key with a typing error is still a secret.
    isSecret: true,
  },
}

const DOG_RULES: Rules = { ...KEY_RULES, mode: MODE }

function checkLocation(options: { dir?: unknown; store?: unknown }): void {
  if (options.dir !== undefined && options.store !== undefined) throw new TypeError('dir and store exclude each other')
}

export function checkDogOptions(given: unknown): DogOptions {
  const options = checkOptions<DogOptions>('createDog', given, DOG_RULES)
  checkLocation(options)
  return options.dir === undefined ? options : { ...options, dir: resolveFolder('dir', options.dir) }
}

export const checkFileStoreOptions = (options: unknown): { dir?: string; mode?: number } =>
  checkOptions('fileStore', options, { dir: FOLDER, mode: MODE })

/**
 * Checks a key's own options and lays them over the dog's. A string is the folder, as in guard_dog,
 * where an empty string means that no folder is given.
 */
export function checkKeyOptions(options: unknown, defaults: DogOptions): KeyOptions {
  const fromString = typeof options === 'string' && options !== '' ? { dir: options } : {}
  const checked = checkOptions<KeyOptions>('init', typeof options === 'string' ? fromString : (options ?? {}), KEY_RULES)
  checkLocation(checked)
  const { dir, store, mode, ...rest } = defaults
  const own = Object.fromEntries(Object.entries(checked).filter(([, value]) => value !== undefined)) as KeyOptions
  const location =
    own.dir !== undefined ? { dir: resolveFolder('dir', own.dir) } : own.store !== undefined ? {} : { dir, store }
  return { ...rest, ...own, ...location }
}

/** Shared by all keys without encryption, of which there may be many. */
const NO_CIPHER_KEYS: readonly CipherKey[] = []

const toList = (keys: KeyOptions['encryptionKey']): readonly EncryptionKey[] =>
  keys === undefined ? [] : typeof keys === 'string' || keys instanceof Uint8Array ? [keys] : keys

export function configOf(fetcher: Fetcher<never> | undefined, options: KeyOptions): KeyConfig {
  const {
    timeout = DEFAULT_TIMEOUT_S,
    refreshAhead,
    identity,
    quota,
    autoRefresh = false,
    followOnly = false,
    isRejected,
    credentialId,
    encryptionKey,
  } = options
  const window = quota?.window ?? DAY_S
  return {
    fetcher,
    followOnly,
    timeout,
    refreshAhead,
    identity,
    quota: quota && { limit: quota.limit, window },
    window,
    autoRefresh,
    isRejected,
    credentialId,
    encryptionKeys:
      encryptionKey === undefined
        ? NO_CIPHER_KEYS
        : toList(encryptionKey).map((key) => toCipherKey(typeof key === 'string' ? Buffer.from(key, 'hex') : key)),
  }
}

const GET_RULES: Rules = {
  minTtl: SECONDS,
  signal: { test: (value: unknown) => value instanceof AbortSignal, rule: 'must be an AbortSignal' },
}

export const checkGetOptions = (call: 'get' | 'read', options: unknown): GetOptions => checkOptions(call, options, GET_RULES)

/**
 * Checks a key. It is a name and not a path: any 1 to 120 characters. A store decides how a key
 * becomes the name of a file.
 */
export function checkKey(key: unknown): asserts key is string {
  if (typeof key !== 'string' || key.length === 0 || key.length > MAX_KEY_CHARS || !key.isWellFormed()) {
    // A string that is too long for a key is probably a secret value in the wrong place, so it is
    // not shown.
    throw (key === '' ? misuse : misuseOfSecret)('key', `must be a string of 1 to ${MAX_KEY_CHARS} characters`, key)
  }
}
