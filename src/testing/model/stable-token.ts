/**
 * The rules of stable_token. Every caller gets the same token until shortly before it expires.
 * Forced refreshes replace it earlier, and are limited. It knows nothing of requests.
 */
import { createQuotaCounter, dayOf, type QuotaCounter } from './quota-counter.js'
import { createTokenSlot, type TokenSlot, type TokenSlotRules } from './token-slot.js'

export interface StableTokenRules extends TokenSlotRules {
  /** Seconds before the expiry of a token from which a call gets a new one. */
  stableAhead: number
  /** Forced refreshes a day. */
  forced: number
  /** Seconds between two forced refreshes. An earlier one gets the current token. */
  forceGap: number
  /**
   * Whether `forceGap` is counted from the last forced refresh, or from any rotation. The rule of
   * the real platform is not known.
   */
  forceGapFrom: 'force' | 'rotation'
  /**
   * Whether a forced refresh within `forceGap` uses up one of the day's. The rule of the real
   * platform is not known.
   */
  earlyForceCounts: boolean
}

export interface StableTokenResult {
  token: string
  /** Whole seconds until the token expires, rounded down. */
  expiresIn: number
  /** Why the token is new, or `false` if it is not. */
  rotated: false | 'due' | 'forced'
}

export interface StableTokenSlot extends Pick<TokenSlot, 'newest' | 'checkToken' | 'kill'> {
  /** Counts the forced refreshes of the day. */
  readonly forcedRefreshes: QuotaCounter
  /**
   * The current token. It is a new one if there is none yet, or if the old one is within
   * `stableAhead` of its expiry. A killed token is returned like any other.
   */
  get(now: number): StableTokenResult
  /**
   * A new token, unless the last forced refresh is less than `forceGap` ago. Returns `undefined` if
   * the forced refreshes of the day are used up.
   */
  forceRefresh(now: number): StableTokenResult | undefined
}

export function createStableTokenSlot(rules: StableTokenRules): StableTokenSlot {
  const slot = createTokenSlot(rules)
  const forcedRefreshes = createQuotaCounter(rules.forced, dayOf)
  let lastForcedAt = Number.NEGATIVE_INFINITY
  let lastRotatedAt = Number.NEGATIVE_INFINITY

  function resultAt(now: number, rotated: StableTokenResult['rotated']): StableTokenResult {
    return { token: slot.newest!, expiresIn: Math.floor(slot.remainingMs(now) / 1000), rotated }
  }

  function rotate(now: number, reason: 'due' | 'forced'): StableTokenResult {
    slot.rotate(now)
    lastRotatedAt = now
    return resultAt(now, reason)
  }

  function get(now: number): StableTokenResult {
    const remainingMs = slot.remainingMs(now)
    // With a `stableAhead` of 0 only the second test finds an expired token.
    return remainingMs < rules.stableAhead * 1000 || remainingMs === 0 ? rotate(now, 'due') : resultAt(now, false)
  }

  return {
    forcedRefreshes,
    get newest() {
      return slot.newest
    },
    checkToken: slot.checkToken,
    kill: slot.kill,
    get,
    forceRefresh(now) {
      const last = rules.forceGapFrom === 'force' ? lastForcedAt : lastRotatedAt
      if (now < last + rules.forceGap * 1000) {
        return rules.earlyForceCounts && !forcedRefreshes.take(now) ? undefined : get(now)
      }
      if (!forcedRefreshes.take(now)) return undefined
      lastForcedAt = now
      return rotate(now, 'forced')
    },
  }
}
