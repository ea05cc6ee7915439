import { resolve } from 'node:path'
import type { DogOptions, EncryptionKey, Fetcher, KeyOptions, Store } from '../../../index.js'
import {
  BOOLEAN,
  checkOptions,
  FUNCTION,
  misuse,
  misuseOfSecret,
  type Rule,
  type Rules,
  secondsUpTo,
  TEXT,
} from '../shared/validate.js'
import { type CipherKey, toCipherKey } from './encryption.js'
import { DAY_S, type Quota } from './policy.js'

/** Checks what users give, once, so that nothing behind it has to. */

/** What a keeper works by. Durations in seconds. */
export interface KeyConfig {
  fetcher: Fetcher<never> | undefined
  followOnly: boolean
  timeout: number
  refreshAhead: number | undefined
  identity: string | undefined
  quota: Quota | undefined
  /** In which attempts are counted, also without a quota. */
  window: number
  autoRefresh: boolean
  isRejected: ((error: unknown) => boolean) | undefined
  /** The first seals, all open. */
  encryptionKeys: readonly CipherKey[]
}

const DEFAULT_TIMEOUT_S = 30
const MAX_TIMEOUT_S = 600
const MODES = [0o600, 0o640, 0o660]

const isEncryptionKey = (value: unknown): boolean =>
  (value instanceof Uint8Array && value.length === 32) || (typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value))

const FOLDER: Rule = { ...TEXT, rule: 'must be the path of a folder' }
const MODE: Rule = { test: (value: number) => MODES.includes(value), rule: 'must be 0o600, 0o640 or 0o660' }

const KEY_RULES: Rules = {
  dir: FOLDER,
  store: {
    test: (value: Store) => typeof value?.acquire === 'function' && typeof value.read === 'function',
    rule: 'must be a store',
  },
  refreshAhead: {
    test: (value: unknown) => typeof value === 'number' && value >= 0,
    rule: 'must be a number of seconds, 0 or more',
  },
  timeout: secondsUpTo(MAX_TIMEOUT_S),
  identity: TEXT,
  quota: {
    test: (value: Quota) =>
      typeof value === 'object' && value?.limit > 0 && Number.isInteger(value.limit) && (value.window ?? DAY_S) > 0,
    rule: 'must be { limit, window }: so many fetches in so many seconds',
  },
  autoRefresh: BOOLEAN,
  followOnly: BOOLEAN,
  isRejected: { ...FUNCTION, isSecret: false },
  encryptionKey: {
    test: (value: unknown) =>
      Array.isArray(value) ? value.length > 0 && value.every(isEncryptionKey) : isEncryptionKey(value),
    rule: 'must be 32 bytes or 64 hex digits, or a list of these',
    // A key that is nearly right is still a secret.
    isSecret: true,
  },
}

const DOG_RULES: Rules = { ...KEY_RULES, mode: MODE }

function checkPlace(options: { dir?: unknown; store?: unknown }): void {
  if (options.dir !== undefined && options.store !== undefined) throw new TypeError('dir and store exclude each other')
}

export function checkDogOptions(given: unknown): DogOptions {
  const options = checkOptions<DogOptions>('createDog', given, DOG_RULES)
  checkPlace(options)
  return options.dir === undefined ? options : { ...options, dir: resolve(options.dir) }
}

export const checkFileStoreOptions = (options: unknown): { dir?: string; mode?: number } =>
  checkOptions('fileStore', options, { dir: FOLDER, mode: MODE })

/** A key's own options, over the dog's. A string is the folder, as in guard_dog; its empty one is no folder. */
export function checkKeyOptions(options: unknown, defaults: DogOptions): KeyOptions {
  const folder = typeof options === 'string' && options !== '' ? { dir: options } : {}
  const own = checkOptions<KeyOptions>('init', typeof options === 'string' ? folder : (options ?? {}), KEY_RULES)
  checkPlace(own)
  const { dir, store, mode, ...rest } = defaults
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)) as KeyOptions
  const place = given.dir !== undefined ? { dir: resolve(given.dir) } : given.store !== undefined ? {} : { dir, store }
  return { ...rest, ...given, ...place }
}

/** One for all: most keys have none, and there may be many. */
const NO_KEYS: readonly CipherKey[] = []

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
    encryptionKeys:
      encryptionKey === undefined
        ? NO_KEYS
        : toList(encryptionKey).map((key) => toCipherKey(typeof key === 'string' ? Buffer.from(key, 'hex') : key)),
  }
}

const GET_RULES: Rules = {
  minTtl: {
    test: (value: unknown) => typeof value === 'number' && value >= 0,
    rule: 'must be a number of seconds, 0 or more',
  },
  signal: { test: (value: unknown) => value instanceof AbortSignal, rule: 'must be an AbortSignal' },
}

export const checkGetOptions = (options: unknown): { minTtl?: number; signal?: AbortSignal } =>
  checkOptions('get', options, GET_RULES)

/** A key is a name, not a path: any 1 to 120 characters. How it becomes a file name is the store's matter. */
export function checkKey(key: unknown): asserts key is string {
  if (typeof key !== 'string' || key.length === 0 || key.length > 120 || !key.isWellFormed()) {
    // A string that is too long for a key is a value that stands in its place.
    throw (key === '' ? misuse : misuseOfSecret)('key', 'must be a string of 1 to 120 characters', key)
  }
}
