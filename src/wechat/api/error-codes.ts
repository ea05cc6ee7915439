// What an errcode means where it was answered, and when to ask again. The table itself is in facts.ts.
import { type CodeFact, facts, type RetryRule, UNKNOWN, WRONG_SECRET } from './error-table.js'

/** The dead-token codes as an endpoint that takes the AppSecret means them: never a reason to fetch a token. */
const whereCredential: Readonly<Record<number, CodeFact>> = { 40001: WRONG_SECRET, 40014: WRONG_SECRET, 42001: WRONG_SECRET }

/**
 * What an errcode means.
 *
 * @param credential whether the request carried the AppSecret, and no token that could be dead.
 */
export function factOf(errcode: number, credential: boolean): CodeFact {
  return (credential ? whereCredential[errcode] : undefined) ?? facts[errcode] ?? UNKNOWN
}

/** Beijing has had no daylight saving time since 1991. */
const BEIJING = 8 * 3600

/** Whole seconds from `now` (epoch milliseconds) to the moment of the rule, at least 1. */
export function secondsUntil(rule: RetryRule, now: number): number {
  if (typeof rule === 'number') return rule
  const seconds = now / 1000
  if (rule === 'next minute') return Math.max(1, Math.ceil(60 - (seconds % 60)))
  return Math.max(1, Math.ceil(86_400 - ((seconds + BEIJING) % 86_400)))
}
