import type { DogRecord, Failure, Ledger } from '../../../index.js'

/**
 * What a record and a ledger look like as text: pure, and the only place that knows the format.
 *
 * A decoder never throws and never yields a wrong type: what is not a record is 'damaged', what only a later version can
 * read is 'newer'.
 */
export const FORMAT = 1

/** The largest time a Date holds: the expiry of what never expires. JSON has no Infinity. */
export const NEVER = 8.64e15

export type Decoded<T> = T | 'damaged' | 'newer'

export function encodeRecord(record: DogRecord): string {
  const { key, value, fetchedAt, expiresAt, ahead, generation, identity, by, ...unknown } = record
  return `${JSON.stringify({ dotdog: FORMAT, key, value, fetchedAt, expiresAt, ahead, generation, identity, by, ...unknown })}\n`
}

export function decodeRecord(text: string, key: string): Decoded<DogRecord> {
  const raw = parse(text)
  if (raw === undefined) return 'damaged'
  if (!('dotdog' in raw)) return decodeGuardDog(raw, key)
  const { dotdog, ...record } = raw
  if (typeof dotdog !== 'number') return 'damaged'
  if (dotdog > FORMAT) return 'newer'
  const sound =
    dotdog === FORMAT &&
    typeof record.key === 'string' &&
    (record.sealed === undefined ? record.value !== undefined : record.value === undefined && isSealed(record.sealed)) &&
    isTime(record.fetchedAt) &&
    isTime(record.expiresAt) &&
    isSpan(record.ahead) &&
    isCount(record.generation) &&
    isOptionalText(record.identity) &&
    isOptionalText(record.by)
  return sound ? (record as DogRecord) : 'damaged'
}

/** guard_dog 3.x: `{ data, expires_in, gen_time, dir, ahead }`, seconds and epoch milliseconds. */
function decodeGuardDog(raw: Record<string, unknown>, key: string): Decoded<DogRecord> {
  const { data, gen_time: fetchedAt } = raw
  if (data === undefined || !isTime(fetchedAt)) return 'damaged'
  const lifetime = secondsOf(raw.expires_in ?? 0)
  const ahead = secondsOf(raw.ahead ?? 2)
  if (!(lifetime >= 0) || !Number.isFinite(ahead)) return 'damaged'
  const expiresAt = Math.min(NEVER, fetchedAt + lifetime * 1000)
  // The time of its fetch orders it: our own numbers start at the time of the first take.
  return {
    key,
    value: data,
    fetchedAt,
    expiresAt,
    ahead: limitRefreshAhead(ahead, lifetime),
    generation: Math.floor(fetchedAt),
  }
}

/** guard_dog stores what it was given: a number, or one as text. Number() of an object may throw. */
const secondsOf = (given: unknown): number =>
  typeof given === 'number' || typeof given === 'string' ? Number(given) : Number.NaN

/** The refresh-ahead time never takes more than two thirds of the lifetime, whoever gave it. Seconds. */
export const limitRefreshAhead = (ahead: number, lifetime: number): number => Math.max(0, Math.min(ahead, (lifetime * 2) / 3))

export function encodeLedger(key: string, ledger: Ledger): string {
  const { fetches, failure, ...unknown } = ledger
  return `${JSON.stringify({ dotdog: FORMAT, key, fetches, failure, ...unknown })}\n`
}

export function decodeLedger(text: string): Decoded<Ledger> {
  const raw = parse(text)
  if (raw === undefined || typeof raw.dotdog !== 'number') return 'damaged'
  const { dotdog, key: _key, fetches, failure, ...unknown } = raw
  if (dotdog > FORMAT) return 'newer'
  if (!isObject(fetches) || !isTime(fetches.since) || !isCount(fetches.count)) return 'damaged'
  if (failure !== undefined && !isFailure(failure)) return 'damaged'
  const last = isCount(fetches.last) ? fetches.last : 0
  return { ...unknown, fetches: { since: fetches.since, count: fetches.count, last }, ...(failure && { failure }) }
}

function isFailure(failure: unknown): failure is Failure {
  return (
    isObject(failure) &&
    isTime(failure.at) &&
    isCount(failure.count) &&
    isTime(failure.retryAt) &&
    typeof failure.code === 'string' &&
    typeof failure.message === 'string'
  )
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const raw: unknown = JSON.parse(text)
    // A short text cannot be deep.
    return isObject(raw) && (text.length <= MAX_DEPTH || isShallow(raw)) ? raw : undefined
  } catch {
    return undefined
  }
}

/** JSON.parse reads any depth; what walks a value (JSON.stringify, structuredClone) ends in a RangeError. */
export const MAX_DEPTH = 500

export const isShallow = (value: unknown, left = MAX_DEPTH): boolean =>
  typeof value !== 'object' || value === null || (left > 0 && Object.values(value).every((part) => isShallow(part, left - 1)))

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= NEVER
const isSpan = (value: unknown): value is number => typeof value === 'number' && value >= 0 && Number.isFinite(value)
/** Room is left above, so that a later number can always be drawn. */
const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 9e15
const isSealed = (value: unknown): boolean =>
  isObject(value) && [value.id, value.nonce, value.data].every((part) => typeof part === 'string')
const isOptionalText = (value: unknown): boolean => value === undefined || typeof value === 'string'

/** The fields of a record or ledger that this version does not know, to be kept when it is written again. */
export function unknownFields(record: DogRecord | undefined): Record<string, unknown> {
  if (record === undefined) return {}
  const { key, value, sealed, fetchedAt, expiresAt, ahead, generation, identity, by, ...unknown } = record
  return unknown
}
