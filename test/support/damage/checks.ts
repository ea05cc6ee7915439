import { isDeepStrictEqual } from 'node:util'
import type { DogRecord, Ledger } from '../../../index.js'
import { standingFailure } from '../../../src/core/model/failure-backoff.js'
import { stateOf } from '../../../src/core/model/freshness.js'
import { currentWindow } from '../../../src/core/model/quota.js'
import { decodeLedger, decodeRecord, encodeLedger, encodeRecord, unknownFields } from '../../../src/core/shared/format.js'

/**
 * The invariants of everything that the decoder returns, written independently of the decoder. Each
 * function returns the invariant that is violated, or undefined.
 */

const isWithin = (value: unknown, least: number, most: number): boolean =>
  typeof value === 'number' && value >= least && value <= most
const isCount = (value: unknown): boolean => isWithin(value, 0, Number.MAX_SAFE_INTEGER - 1) && Number.isInteger(value)
const isOptionalText = (value: unknown): boolean => value === undefined || typeof value === 'string'
const EIGHT_DAYS_MS = 8 * 86_400_000

/** Normalizes a value as JSON does, which has neither -0 nor Infinity. */
const viaJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

export function violationOfRecord(text: string, key: string, now: number): string | undefined {
  const found = decodeRecord(text, key)
  if (found === 'damaged') return undefined
  const source = JSON.parse(text) as Record<string, unknown>
  if (found === 'newer') return (source.dotdog as number) > 1 ? undefined : 'newer, but its format is not'
  return (
    violationOfFields(found) ??
    violationOfSource(found, source, key) ??
    violationOfState(found, now) ??
    violationOfRoundTrip(found)
  )
}

function violationOfFields(found: DogRecord): string | undefined {
  const { key, value, sealed, fetchedAt, expiresAt, ahead, generation, identity, by } = found
  if (Object.getPrototypeOf(found) !== Object.prototype) return 'prototype'
  if (typeof key !== 'string') return 'key'
  if ((value === undefined) !== (sealed !== undefined)) return 'must have either a value or `sealed`'
  if (sealed !== undefined && ![sealed?.id, sealed?.nonce, sealed?.data].every((part) => typeof part === 'string'))
    return 'sealed'
  if (!isWithin(fetchedAt, 0, 8.64e15) || !isWithin(expiresAt, 0, 8.64e15)) return 'time'
  if (!isWithin(ahead, 0, Number.MAX_VALUE)) return 'ahead'
  if (!isCount(generation)) return 'generation'
  if (!isOptionalText(identity) || !isOptionalText(by)) return 'identity or by'
  const known = ['key', 'value', 'sealed', 'fetchedAt', 'expiresAt', 'ahead', 'generation', 'identity', 'by']
  return known.some((name) => Object.hasOwn(unknownFields(found), name)) ? 'unknown fields' : undefined
}

/** A decoded record has nothing that is not in the text. */
function violationOfSource(found: DogRecord, source: Record<string, unknown>, key: string): string | undefined {
  if (!Object.hasOwn(source, 'dotdog'))
    return found.key === key && isDeepStrictEqual(found.value, source.data) ? undefined : 'legacy'
  if (source.dotdog !== 1) return 'format'
  return isDeepStrictEqual({ dotdog: 1, ...found }, source) ? undefined : 'differs from the text'
}

function violationOfState(found: DogRecord, now: number): string | undefined {
  for (const time of [0, now, found.expiresAt - 1, found.expiresAt, 8.64e15]) {
    const state = stateOf(found, time)
    if (!['fresh', 'due', 'expired'].includes(state)) return 'state'
    if ((state === 'expired') !== time >= found.expiresAt) return 'expired state differs from expiresAt'
  }
  return undefined
}

/** Any decoded record can be encoded again, and decodes to the same record. */
function violationOfRoundTrip(found: DogRecord): string | undefined {
  return isDeepStrictEqual(decodeRecord(encodeRecord(found), found.key), viaJson(found))
    ? undefined
    : 'differs after encoding and decoding'
}

export function violationOfLedger(text: string, key: string, now: number): string | undefined {
  const found = decodeLedger(text)
  if (found === 'damaged') return undefined
  if (found === 'newer') return JSON.parse(text).dotdog > 1 ? undefined : 'newer, but its format is not'
  const { fetches, failure } = found
  if (!isCount(fetches.count) || !isCount(fetches.last) || !isWithin(fetches.since, 0, 8.64e15)) return 'fetches'
  if (failure !== undefined) {
    const { at, count, retryAt, code, message } = failure
    if (!isWithin(at, 0, 8.64e15) || !isWithin(retryAt, 0, 8.64e15) || !isCount(count)) return 'failure'
    if (typeof code !== 'string' || typeof message !== 'string') return 'code or message of the failure'
  }
  if (!isDeepStrictEqual(decodeLedger(encodeLedger(key, found)), viaJson(found))) return 'differs after encoding and decoding'
  return violationOfPolicy(found, now)
}

/** A damaged ledger blocks the fetches of a key for a bounded time only. */
function violationOfPolicy(found: Ledger, now: number): string | undefined {
  for (const time of [0, now, 8.64e15]) {
    const standing = standingFailure(found, time)
    if (standing !== undefined && (standing !== found.failure || !(time < standing.retryAt))) return 'standing failure'
    if (standing !== undefined && standing.retryAt > time + 60_000 + EIGHT_DAYS_MS) return 'failure stands for too long'
    for (const window of [0.001, 86_400, 1e9]) {
      const { since, count } = currentWindow(found, time, window)
      if (!isCount(count) || !(since <= time + 60_000)) return 'window'
      if (count > 0 && !(time - since < window * 1000)) return 'counts a window that is over'
    }
  }
  return undefined
}
