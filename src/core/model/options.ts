import { resolve } from 'node:path'
import type { DogOptions, EncryptionKey, Fetcher, KeyOptions, Store } from '../../../index.js'
import { type CipherKey, toCipherKey } from './encryption.js'
import { misuse, misuseOfSecretOption } from './errors.js'
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

const KEY_OPTIONS = [
  'dir',
  'store',
  'refreshAhead',
  'timeout',
  'identity',
  'quota',
  'autoRefresh',
  'followOnly',
  'isRejected',
  'encryptionKey',
]

type Rule = [test: (value: never) => boolean, rule: string]

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
const isBoolean = (value: unknown): boolean => typeof value === 'boolean'

const isEncryptionKey = (value: unknown): boolean =>
  (value instanceof Uint8Array && value.length === 32) || (typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value))

const RULES: Record<string, Rule> = {
  dir: [isText, 'must be the path of a folder'],
  store: [(value: Store) => typeof value?.acquire === 'function' && typeof value.read === 'function', 'must be a store'],
  refreshAhead: [(value: number) => typeof value === 'number' && value >= 0, 'must be a number of seconds, 0 or more'],
  timeout: [
    (value: number) => typeof value === 'number' && value > 0 && value <= MAX_TIMEOUT_S,
    `must be a number of seconds, at most ${MAX_TIMEOUT_S}`,
  ],
  identity: [isText, 'must be a string that is not empty'],
  quota: [
    (value: Quota) =>
      typeof value === 'object' && value?.limit > 0 && Number.isInteger(value.limit) && (value.window ?? DAY_S) > 0,
    'must be { limit, window }: so many fetches in so many seconds',
  ],
  autoRefresh: [isBoolean, 'must be true or false'],
  followOnly: [isBoolean, 'must be true or false'],
  isRejected: [(value: unknown) => typeof value === 'function', 'must be a function'],
  encryptionKey: [
    (value: unknown) => (Array.isArray(value) ? value.length > 0 && value.every(isEncryptionKey) : isEncryptionKey(value)),
    'must be 32 bytes or 64 hex digits, or a list of these',
  ],
  mode: [(value: number) => MODES.includes(value), 'must be 0o600, 0o640 or 0o660'],
}

function check(options: Record<string, unknown>, known: string[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (!known.includes(name)) throw new TypeError(`unknown option "${name}"; there are ${known.join(', ')}`)
    const [test, rule] = RULES[name]!
    if (value === undefined || test(value as never)) continue
    // A key that is nearly right is still a secret.
    throw (name === 'encryptionKey' ? misuseOfSecretOption : misuse)(name, rule, value)
  }
  if (options.dir !== undefined && options.store !== undefined) throw new TypeError('dir and store exclude each other')
}

function checkObject(options: unknown): asserts options is Record<string, unknown> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw misuseOfSecretOption('options', 'must be an object', options)
  }
}

export function checkDogOptions(options: unknown): DogOptions {
  checkObject(options)
  check(options, [...KEY_OPTIONS, 'mode'])
  return options.dir === undefined ? options : { ...options, dir: resolve(options.dir as string) }
}

export function checkFileStoreOptions(options: unknown): { dir?: string; mode?: number } {
  checkObject(options)
  check(options, ['dir', 'mode'])
  return options
}

/** A key's own options, over the dog's. A string is the folder, as in guard_dog; its empty one is no folder. */
export function checkKeyOptions(options: unknown, defaults: DogOptions): KeyOptions {
  const own = typeof options === 'string' ? (options === '' ? {} : { dir: options }) : (options ?? {})
  checkObject(own)
  check(own, KEY_OPTIONS)
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

export function checkGetOptions(options: unknown): { minTtl?: number; signal?: AbortSignal } {
  checkObject(options)
  const { minTtl, signal } = options
  if (minTtl !== undefined && !(typeof minTtl === 'number' && minTtl >= 0)) {
    throw misuse('minTtl', 'must be a number of seconds, 0 or more', minTtl)
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw misuse('signal', 'must be an AbortSignal', signal)
  return { minTtl, signal }
}
