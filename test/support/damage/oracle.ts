import type { DogError } from '../../../index.js'
import { IDENTITY } from './mutate.js'

/** What the engine may make of a damaged file, as its text says. */

export type Raw = Record<string, unknown> | undefined
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

export function rawOf(bytes: Buffer): Raw {
  try {
    const raw: unknown = JSON.parse(bytes.toString())
    return isObject(raw) ? raw : undefined
  } catch {
    return undefined
  }
}

const UNWALKABLE = 'nested too deep to be walked'

export function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    return UNWALKABLE
  }
}

/** Whether a value may be given to a caller: it is what the file says, of this key and account, and not over. */
export function mayServe(value: unknown, raw: Raw, key: string, now: number): boolean {
  if (value === undefined || raw === undefined) return false
  const says = (stored: unknown) => jsonOf(stored) === jsonOf(value) && jsonOf(value) !== UNWALKABLE
  if (!Object.hasOwn(raw, 'dotdog')) {
    return says(raw.data) && Number(raw.gen_time) + Number(raw.expires_in ?? 0) * 1000 > now
  }
  const isOurs = raw.key === key && (raw.identity === undefined || raw.identity === IDENTITY)
  return says(raw.value) && isOurs && raw.dotdog === 1 && raw.sealed === undefined && Number(raw.expiresAt) > now
}

/** Whether a record is one that no fetch may replace: a later version's, another account's, a twin's, an encrypted one. */
export function isClaimed(error: DogError, raw: Raw, key: string): boolean {
  if (raw === undefined) return false
  if (error.code === 'ERR_DOG_IDENTITY') return typeof raw.identity === 'string' && raw.identity !== IDENTITY
  const { sealed } = raw
  const isSealed = isObject(sealed) && [sealed.id, sealed.nonce, sealed.data].every((part) => typeof part === 'string')
  if (error.code === 'ERR_DOG_DECRYPT') return isSealed
  const isTwin = raw.key !== key && typeof raw.key === 'string' && raw.key.toLowerCase() === key.toLowerCase()
  return error.code === 'ERR_DOG_STORE' && (isTwin || isSealed || (raw.dotdog as number) > 1)
}
