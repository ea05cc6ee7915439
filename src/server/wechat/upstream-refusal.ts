// What a client is told when this server got no token: the platform's errcode, and the hint that
// says what to do about it.
import { DEAD_TOKEN_CODES } from '../../core/shared/upstream/dead-token-codes.js'
import { isDogError } from '../http/problem.js'
import { ERRMSGS } from './errors.js'

/** An answer that says nothing about the client's own secret or token. */
export interface UpstreamRefusal {
  errcode: number
  errmsg: string
}

/** What a failed fetch keeps of the platform's answer. */
interface UpstreamDetails {
  errcode?: unknown
  errmsg?: unknown
  hint?: unknown
}

const SYSTEM_ERROR = -1
/**
 * To a client these say that its own token is dead, for which it would ask again without end, or
 * that its own secret is wrong.
 */
const MISTAKABLE_ERRCODES: readonly number[] = [40125, ...DEAD_TOKEN_CODES]
const QUOTA_USED_UP: UpstreamRefusal = {
  errcode: 45009,
  errmsg: 'reach max api daily quota limit: the quota of the key at this server is used up',
}

/** The answer for an error of the dog; undefined if the error is none. */
export function refusalOf(error: unknown): UpstreamRefusal | undefined {
  if (!isDogError(error)) return undefined
  if (error.code === 'ERR_DOG_QUOTA') return QUOTA_USED_UP
  const { errcode, errmsg, hint } = Object(error.details) as UpstreamDetails
  if (typeof errcode !== 'number')
    return { errcode: SYSTEM_ERROR, errmsg: `${ERRMSGS[SYSTEM_ERROR]}: ${textOf(hint) || error.code}` }
  const isMistakable = MISTAKABLE_ERRCODES.includes(errcode)
  const platformText = textOf(errmsg).replace(RID, '').trim() || ERRMSGS[errcode] || 'refused'
  const text = isMistakable ? ERRMSGS[SYSTEM_ERROR] : platformText
  const said = `the platform answered ${errcode} to this server`
  return {
    errcode: isMistakable ? SYSTEM_ERROR : errcode,
    errmsg: [text, said, textOf(hint)].filter(Boolean).join(': '),
  }
}

const RID = /,? *rid: *[0-9a-f-]+/
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
