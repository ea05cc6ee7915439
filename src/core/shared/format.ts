import type { DogRecord, Failure, Ledger } from '../../../index.js'

/**
 * Converts records and ledgers to text and back. These functions are pure, and no other file knows
 * the format.
 *
 * A decoder never throws and never returns a wrong type. A text that is not a record is 'damaged'.
 * A text that only a later version can read is 'newer'.
 */
export const FORMAT_VERSION = 1

/**
 * The largest time that a Date holds. It is the expiry of a value that never expires: JSON has no
 * Infinity.
 */
export const MAX_EPOCH_MS = 8.64e15

export type DecodeResult<T> = T | 'damaged' | 'newer'

export function encodeRecord(record: DogRecord): string {
  const { key, value, fetchedAt, expiresAt, ahead, generation, identity, by, ...unknown } = record
  const fields = { key, value, fetchedAt, expiresAt, ahead, generation, identity, by, ...unknown }
  return `${JSON.stringify({ dotdog: FORMAT_VERSION, ...fields })}\n`
}

export function decodeRecord(text: string, key: string): DecodeResult<DogRecord> {
  const raw = parseObject(text)
  if (raw === undefined) return 'damaged'
  if (!('dotdog' in raw)) return decodeGuardDog(raw, key)
  const { dotdog, ...record } = raw
  if (typeof dotdog !== 'number') return 'damaged'
  if (dotdog > FORMAT_VERSION) return 'newer'
  const isValid =
    dotdog === FORMAT_VERSION &&
    typeof record.key === 'string' &&
    (record.sealed === undefined ? record.value !== undefined : record.value === undefined && isSealed(record.sealed)) &&
    isTime(record.fetchedAt) &&
    isTime(record.expiresAt) &&
    isDuration(record.ahead) &&
    isCounter(record.generation) &&
    isOptionalText(record.identity) &&
    isOptionalText(record.by)
  return isValid ? (record as DogRecord) : 'damaged'
}

/**
 * Decodes a record of guard_dog 3.x: `{ data, expires_in, gen_time, dir, ahead }`, in seconds and
 * epoch milliseconds.
 */
function decodeGuardDog(raw: Record<string, unknown>, key: string): DecodeResult<DogRecord> {
  const { data, gen_time: fetchedAt } = raw
  if (data === undefined || !isTime(fetchedAt)) return 'damaged'
  const lifetime = toSeconds(raw.expires_in ?? 0)
  const ahead = toSeconds(raw.ahead ?? 2)
  if (!(lifetime >= 0) || !Number.isFinite(ahead)) return 'damaged'
  const expiresAt = Math.min(MAX_EPOCH_MS, fetchedAt + lifetime * 1000)
  // The time of the fetch becomes the generation: our own generations start at the time of the
  // first acquisition.
  return {
    key,
    value: data,
    fetchedAt,
    expiresAt,
    ahead: limitRefreshAhead(ahead, lifetime),
    generation: Math.floor(fetchedAt),
  }
}

/**
 * guard_dog stores what it was given: a number, or a number as text. Number() of an object may
 * throw.
 */
const toSeconds = (value: unknown): number =>
  typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN

/**
 * Limits the refresh-ahead time to two thirds of the lifetime, wherever it came from. Both are in
 * seconds.
 */
export const limitRefreshAhead = (ahead: number, lifetime: number): number => Math.max(0, Math.min(ahead, (lifetime * 2) / 3))

export function encodeLedger(key: string, ledger: Ledger): string {
  const { fetches, failure, ...unknown } = ledger
  return `${JSON.stringify({ dotdog: FORMAT_VERSION, key, fetches, failure, ...unknown })}\n`
}

export function decodeLedger(text: string): DecodeResult<Ledger> {
  const raw = parseObject(text)
  if (raw === undefined || typeof raw.dotdog !== 'number') return 'damaged'
  const { dotdog, key: _key, fetches, failure, voidUpTo, firstToken, keepUntil, ...unknown } = raw
  if (dotdog > FORMAT_VERSION) return 'newer'
  if (!isObject(fetches) || !isTime(fetches.since) || !isCounter(fetches.count)) return 'damaged'
  if (failure !== undefined && !isFailure(failure)) return 'damaged'
  const last = isCounter(fetches.last) ? fetches.last : 0
  return {
    ...unknown,
    fetches: { since: fetches.since, count: fetches.count, last },
    ...(failure && { failure: withValidDetails(failure) }),
    ...(isCounter(voidUpTo) && { voidUpTo }),
    ...(isCounter(firstToken) && { firstToken }),
    ...(isTime(keepUntil) && { keepUntil }),
  }
}

function isFailure(failure: unknown): failure is Failure {
  return (
    isObject(failure) &&
    isTime(failure.at) &&
    isCounter(failure.count) &&
    isTime(failure.retryAt) &&
    typeof failure.code === 'string' &&
    typeof failure.message === 'string' &&
    (failure.credentialIds === undefined || isTexts(failure.credentialIds))
  )
}

/** Details are for people: wrong ones are left out, and the rest of the failure counts. */
function withValidDetails(failure: Failure): Failure {
  const { details, ...rest } = failure
  return details === undefined || isObject(details) ? failure : rest
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const raw: unknown = JSON.parse(text)
    // A text of at most MAX_DEPTH characters cannot be nested deeper than MAX_DEPTH levels.
    return isObject(raw) && (text.length <= MAX_DEPTH || isShallow(raw)) ? raw : undefined
  } catch {
    return undefined
  }
}

/**
 * JSON.parse reads any depth. Functions that walk a value (JSON.stringify, structuredClone) throw a
 * RangeError when it is nested too deeply.
 */
export const MAX_DEPTH = 500

/** Whether a value is nested at most `levels` deep. */
export const isShallow = (value: unknown, levels = MAX_DEPTH): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (levels > 0 && Object.values(value).every((part) => isShallow(part, levels - 1)))

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= MAX_EPOCH_MS
const isDuration = (value: unknown): value is number => typeof value === 'number' && value >= 0 && Number.isFinite(value)
/**
 * Numbers from 9e15 are refused: a higher fencing token must always be left below the largest safe
 * integer.
 */
const isCounter = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 9e15
const isSealed = (value: unknown): boolean =>
  isObject(value) && [value.id, value.nonce, value.data].every((part) => typeof part === 'string')
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every((text) => typeof text === 'string')
const isOptionalText = (value: unknown): boolean => value === undefined || typeof value === 'string'

/**
 * The fields of a record that this version does not know. They are kept when the record is written
 * again.
 */
export function unknownFields(record: DogRecord | undefined): Record<string, unknown> {
  if (record === undefined) return {}
  const { key, value, sealed, fetchedAt, expiresAt, ahead, generation, identity, by, ...unknown } = record
  return unknown
}
