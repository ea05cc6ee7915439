/**
 * The rules of the platform. Their defaults are those of the real one. Durations are in seconds.
 * `FakeWeChatOptions` documents each rule.
 */

/** Quotas of each account. `Infinity` switches one off. */
export interface Limits {
  /** Classic tokens a day. Default 2000. */
  token: number
  /** Calls of stable_token a day. Default 500 000. */
  stable: number
  /** Calls of stable_token a minute. Default 10 000. */
  stablePerMinute: number
  /** Forced refreshes a day. Default 20. */
  forced: number
  /** Tickets a day. Default 10 000; real accounts differ. */
  ticket: number
  /** Calls of each other path a day. Default 5 000 000. */
  call: number
  /** Resets of all counters a month (clear_quota). Default 10. */
  clear: number
  /** Resets of one path's counter a month (openapi/quota/clear). Default 50. */
  clearPath: number
}

export interface Rules {
  ttl: number
  overlap: number
  maxLive: number
  flappyOverlap: number
  random: () => number
  stableAhead: number
  forceGap: number
  forceGapFrom: 'force' | 'rotation'
  earlyForceCounts: boolean
  ticketTtl: number
  ticketOverlap: number
  ticketRemaining: boolean
  requireHttps: boolean
  limits: Limits
  /** The platform's clock, in epoch milliseconds. */
  now: () => number
}

export const DEFAULT_LIMITS: Limits = {
  token: 2000,
  stable: 500_000,
  stablePerMinute: 10_000,
  forced: 20,
  ticket: 10_000,
  call: 5_000_000,
  clear: 10,
  clearPath: 50,
}

export type PartialRules = Partial<Omit<Rules, 'limits'>> & { limits?: Partial<Limits> }

/** Adds the defaults of the rules that are not given. */
export function completeRules(overrides: PartialRules): Rules {
  const ttl = overrides.ttl ?? 7200
  return {
    ttl,
    overlap: 300,
    maxLive: 2,
    flappyOverlap: 0,
    random: Math.random,
    // With a fixed 300 s, a token that lives for seconds would be replaced by each call.
    stableAhead: Math.min(300, ttl / 24),
    forceGap: 30,
    forceGapFrom: 'force',
    earlyForceCounts: false,
    ticketTtl: 7200,
    ticketOverlap: 3600,
    ticketRemaining: false,
    requireHttps: false,
    now: Date.now,
    ...overrides,
    limits: { ...DEFAULT_LIMITS, ...overrides.limits },
  }
}
