// What an errcode means at the endpoint that answered it, and when to ask again. The table itself
// is in error-table.ts.
import { DEAD_TOKEN_CODES } from '../../core/shared/upstream/dead-token-codes.js'
import { CALL_ERROR_FACTS } from './call-error-table.js'
import { ERROR_FACTS, type ErrorFact, type RetryRule, UNKNOWN_CODE, WRONG_SECRET } from './error-table.js'

/**
 * What an errcode means.
 *
 * @param credential whether the request carried the AppSecret. Such a request carries no token that
 *   could be dead, so the dead-token codes mean a wrong AppSecret there, and never a reason to
 *   fetch a token.
 */
export function factOf(errcode: number, credential: boolean): ErrorFact {
  if (credential && DEAD_TOKEN_CODES.includes(errcode)) return WRONG_SECRET
  return ERROR_FACTS[errcode] ?? CALL_ERROR_FACTS[errcode] ?? UNKNOWN_CODE
}

/** UTC+8. Beijing has had no daylight saving time since 1991. */
const BEIJING_OFFSET_S = 8 * 3600
const DAY_S = 86_400

/** Whole seconds from `now` (epoch milliseconds) to the moment of the rule, at least 1. */
export function secondsUntil(rule: RetryRule, now: number): number {
  if (typeof rule === 'number') return rule
  const seconds = now / 1000
  if (rule === 'next minute') return Math.max(1, Math.ceil(60 - (seconds % 60)))
  return Math.max(1, Math.ceil(DAY_S - ((seconds + BEIJING_OFFSET_S) % DAY_S)))
}
