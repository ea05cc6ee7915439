import { DogError, type DogErrorCode, type DogRecord } from 'dotdog'
import { MAX_EPOCH_MS } from '../core/shared/format.js'
import type { RemoteResponse } from './http-client.js'

/** What the server's responses mean here. Pure. */

/**
 * Errors of a fetch on the server, which become errors here. Every other code is a failure of the
 * store.
 */
const FORWARDED_CODES: readonly string[] = [
  'ERR_DOG_NO_FETCHER',
  'ERR_DOG_FETCH',
  'ERR_DOG_FETCH_TIMEOUT',
  'ERR_DOG_FETCH_RESULT',
  'ERR_DOG_CYCLE',
  'ERR_DOG_WAIT_TIMEOUT',
  'ERR_DOG_QUOTA',
  'ERR_DOG_REJECTED',
  'ERR_DOG_IDENTITY',
  'ERR_DOG_DECRYPT',
] satisfies DogErrorCode[]

const MISSING_CODES = ['not_cached', 'unknown_key', 'ERR_DOG_NO_FETCHER']

/** A difference of two clocks up to this one means nothing. */
const MAX_CLOCK_SKEW_MS = 1000
/** A response is on its way for at most this time. The request of a long poll is older. */
const MAX_TRANSIT_MS = 2000

/**
 * The value as a record. If the server's clock differs, its times are converted to this machine's
 * clock. `undefined`: the response is not one of a dotdog server.
 */
export function recordOf(key: string, { body, serverTime, sentAt, receivedAt }: RemoteResponse): DogRecord | undefined {
  const { value, expiresAt, generation } = body
  if (body.key !== key || value === undefined || !Number.isFinite(expiresAt) || !isGeneration(generation)) return undefined
  const serverExpiresAt = expiresAt as number
  const hasOtherClock =
    serverTime !== undefined && (serverTime < sentAt - MAX_CLOCK_SKEW_MS || serverTime > receivedAt + MAX_CLOCK_SKEW_MS)
  // The server read its clock between our two times. The earlier one is used, so that the lifetime
  // is too short rather than too long.
  const localExpiresAt =
    hasOtherClock && serverExpiresAt < MAX_EPOCH_MS
      ? serverExpiresAt - serverTime + Math.max(sentAt, receivedAt - MAX_TRANSIT_MS)
      : serverExpiresAt
  return { key, value, fetchedAt: Math.min(sentAt, localExpiresAt), expiresAt: localExpiresAt, ahead: 0, generation }
}

const isGeneration = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0

/**
 * Whether the server says that it has no valid value. The status does not: a proxy before the
 * server may answer 404 or 504 too, and speaks of the way to the server then.
 */
export const isMissing = ({ body }: RemoteResponse): boolean => MISSING_CODES.includes(String(body.code))

/** The keys of a list of statuses. `undefined`: the response is not one of a dotdog server. */
export function keysOf({ status, body: { keys } }: RemoteResponse): string[] | undefined {
  if (status !== 200 || !Array.isArray(keys)) return undefined
  const names = keys.map((entry: unknown) => Object(entry).key as unknown)
  return names.every((name) => typeof name === 'string') ? names : undefined
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const MAX_DETAIL_CHARS = 1024

/** The error that a response means. */
export function errorOf(key: string, endpoint: string, { status, body, retryAfter }: RemoteResponse): DogError {
  const { code, detail, details } = body
  if (typeof code === 'string' && FORWARDED_CODES.includes(code)) {
    const message = typeof detail === 'string' ? detail.slice(0, MAX_DETAIL_CHARS) : `${endpoint} answered ${code}`
    const retryAt = retryAfter === undefined ? undefined : Date.now() + retryAfter * 1000
    return new DogError(code as DogErrorCode, message, {
      key,
      ...(retryAt !== undefined && { retryAt }),
      ...(isObject(details) && { details }),
    })
  }
  if (code === 'unknown_key') return new DogError('ERR_DOG_NO_FETCHER', `${endpoint} has no key "${key}"`, { key })
  return new DogError('ERR_DOG_STORE', `${endpoint}: ${problemOf(key, status)}`, { key })
}

function problemOf(key: string, status: number): string {
  const problems: Record<number, string> = {
    401: "does not accept this client's token",
    403: `does not allow this client to do that with "${key}"`,
    429: 'has received too many requests from this client',
    200: 'answered with something that is no response of dotdog',
  }
  return problems[status] ?? `answered ${status}`
}
