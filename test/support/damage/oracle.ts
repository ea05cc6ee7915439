import type { DogError } from '../../../index.js'
import { IDENTITY } from './mutate.js'

/** Decides from the text of a damaged file how the engine may treat it. */

export type ParsedFile = Record<string, unknown> | undefined
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** The object that a file holds; undefined if it holds none. */
export function parseFile(bytes: Buffer): ParsedFile {
  try {
    const raw: unknown = JSON.parse(bytes.toString())
    return isObject(raw) ? raw : undefined
  } catch {
    return undefined
  }
}

const TOO_DEEP = 'nested too deeply for JSON.stringify'

export function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    return TOO_DEEP
  }
}

/**
 * Whether a caller may get this value: it is the file's value, of this key and account, and not
 * expired.
 */
export function mayServe(value: unknown, raw: ParsedFile, key: string, now: number): boolean {
  if (value === undefined || raw === undefined) return false
  const matches = (stored: unknown) => jsonOf(stored) === jsonOf(value) && jsonOf(value) !== TOO_DEEP
  if (!Object.hasOwn(raw, 'dotdog')) {
    return matches(raw.data) && Number(raw.gen_time) + Number(raw.expires_in ?? 0) * 1000 > now
  }
  const belongsToKey = raw.key === key && (raw.identity === undefined || raw.identity === IDENTITY)
  return matches(raw.value) && belongsToKey && raw.dotdog === 1 && raw.sealed === undefined && Number(raw.expiresAt) > now
}

/**
 * Whether the error is right, as no fetch may replace the record: a newer version wrote it, it is
 * another account's, it is encrypted, or its key differs from ours in upper and lower case only.
 */
export function mustNotReplace(error: DogError, raw: ParsedFile, key: string): boolean {
  if (raw === undefined) return false
  if (error.code === 'ERR_DOG_IDENTITY') return typeof raw.identity === 'string' && raw.identity !== IDENTITY
  const { sealed } = raw
  const isSealed = isObject(sealed) && [sealed.id, sealed.nonce, sealed.data].every((part) => typeof part === 'string')
  if (error.code === 'ERR_DOG_DECRYPT') return isSealed
  const isTwin = raw.key !== key && typeof raw.key === 'string' && raw.key.toLowerCase() === key.toLowerCase()
  return error.code === 'ERR_DOG_STORE' && (isTwin || isSealed || (raw.dotdog as number) > 1)
}
