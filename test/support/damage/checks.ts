import { isDeepStrictEqual } from 'node:util'
import type { DogRecord, Ledger } from '../../../index.js'
import { currentWindow, standingFailure, stateOf } from '../../../src/core/model/policy.js'
import { decodeLedger, decodeRecord, encodeLedger, encodeRecord, unknownFields } from '../../../src/core/shared/format.js'

/** What must hold of everything that is decoded, said once more and otherwise than the decoder says it. */

const within = (value: unknown, least: number, most: number): boolean =>
  typeof value === 'number' && value >= least && value <= most
const isWhole = (value: unknown): boolean => within(value, 0, Number.MAX_SAFE_INTEGER - 1) && Number.isInteger(value)
const isTextOrNothing = (value: unknown): boolean => value === undefined || typeof value === 'string'
const WEEK_AND_DAY = 8 * 86_400_000

/** JSON has neither -0 nor Infinity. */
const viaJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** What is wrong with what the decoder makes of a text; undefined if nothing is. */
export function faultOfRecord(text: string, key: string, now: number): string | undefined {
  const found = decodeRecord(text, key)
  if (found === 'damaged') return undefined
  const source = JSON.parse(text) as Record<string, unknown>
  if (found === 'newer') return (source.dotdog as number) > 1 ? undefined : 'newer without a reason'
  return faultOfFields(found) ?? faultOfSource(found, source, key) ?? faultOfState(found, now) ?? faultOfCopy(found)
}

function faultOfFields(found: DogRecord): string | undefined {
  const { key, value, sealed, fetchedAt, expiresAt, ahead, generation, identity, by } = found
  if (Object.getPrototypeOf(found) !== Object.prototype) return 'prototype'
  if (typeof key !== 'string') return 'key'
  if ((value === undefined) !== (sealed !== undefined)) return 'neither a value nor sealed, or both'
  if (sealed !== undefined && ![sealed?.id, sealed?.nonce, sealed?.data].every((part) => typeof part === 'string'))
    return 'sealed'
  if (!within(fetchedAt, 0, 8.64e15) || !within(expiresAt, 0, 8.64e15)) return 'time'
  if (!within(ahead, 0, Number.MAX_VALUE)) return 'ahead'
  if (!isWhole(generation)) return 'generation'
  if (!isTextOrNothing(identity) || !isTextOrNothing(by)) return 'identity or by'
  const known = ['key', 'value', 'sealed', 'fetchedAt', 'expiresAt', 'ahead', 'generation', 'identity', 'by']
  return known.some((name) => Object.hasOwn(unknownFields(found), name)) ? 'unknown fields' : undefined
}

/** Nothing comes from anywhere but the text. */
function faultOfSource(found: DogRecord, source: Record<string, unknown>, key: string): string | undefined {
  if (!Object.hasOwn(source, 'dotdog'))
    return found.key === key && isDeepStrictEqual(found.value, source.data) ? undefined : 'legacy'
  if (source.dotdog !== 1) return 'format'
  return isDeepStrictEqual({ dotdog: 1, ...found }, source) ? undefined : 'not what the text says'
}

function faultOfState(found: DogRecord, now: number): string | undefined {
  for (const time of [0, now, found.expiresAt - 1, found.expiresAt, 8.64e15]) {
    const state = stateOf(found, time)
    if (!['fresh', 'due', 'expired'].includes(state)) return 'state'
    if ((state === 'expired') !== time >= found.expiresAt) return 'expired or not'
  }
  return undefined
}

/** What is written again is what was read, and can be done to any record. */
function faultOfCopy(found: DogRecord): string | undefined {
  return isDeepStrictEqual(decodeRecord(encodeRecord(found), found.key), viaJson(found)) ? undefined : 'another after writing'
}

export function faultOfLedger(text: string, key: string, now: number): string | undefined {
  const found = decodeLedger(text)
  if (found === 'damaged') return undefined
  if (found === 'newer') return JSON.parse(text).dotdog > 1 ? undefined : 'newer without a reason'
  const { fetches, failure } = found
  if (!isWhole(fetches.count) || !isWhole(fetches.last) || !within(fetches.since, 0, 8.64e15)) return 'fetches'
  if (failure !== undefined) {
    const { at, count, retryAt, code, message } = failure
    if (!within(at, 0, 8.64e15) || !within(retryAt, 0, 8.64e15) || !isWhole(count)) return 'failure'
    if (typeof code !== 'string' || typeof message !== 'string') return 'words of the failure'
  }
  if (!isDeepStrictEqual(decodeLedger(encodeLedger(key, found)), viaJson(found))) return 'another after writing'
  return faultOfPolicy(found, now)
}

/** However damaged, a ledger closes a key for a bounded time only. */
function faultOfPolicy(found: Ledger, now: number): string | undefined {
  for (const time of [0, now, 8.64e15]) {
    const standing = standingFailure(found, time)
    if (standing !== undefined && (standing !== found.failure || !(time < standing.retryAt))) return 'standing'
    if (standing !== undefined && standing.retryAt > time + 60_000 + WEEK_AND_DAY) return 'stands for too long'
    for (const window of [0.001, 86_400, 1e9]) {
      const { since, count } = currentWindow(found, time, window)
      if (!isWhole(count) || !(since <= time + 60_000)) return 'window'
      if (count > 0 && !(time - since < window * 1000)) return 'a window that is over'
    }
  }
  return undefined
}
