// The numbers by which the platform lives, with the real one's as defaults. Durations are seconds.

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
  /** How often a month all counters can be set back. Default 10. */
  clear: number
  /** How often a month one path's counter can be set back. Default 50. */
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
  /** Epoch milliseconds. */
  now: () => number
}

export const standardLimits: Limits = {
  token: 2000,
  stable: 500_000,
  stablePerMinute: 10_000,
  forced: 20,
  ticket: 10_000,
  call: 5_000_000,
  clear: 10,
  clearPath: 50,
}

export type SomeRules = Partial<Omit<Rules, 'limits'>> & { limits?: Partial<Limits> }

export function completeRules(some: SomeRules): Rules {
  const ttl = some.ttl ?? 7200
  return {
    ttl,
    overlap: 300,
    maxLive: 2,
    flappyOverlap: 0,
    random: Math.random,
    // A token that lives for seconds would be renewed with each call.
    stableAhead: Math.min(300, ttl / 24),
    forceGap: 30,
    forceGapFrom: 'force',
    earlyForceCounts: false,
    ticketTtl: 7200,
    ticketOverlap: 3600,
    ticketRemaining: false,
    requireHttps: false,
    now: Date.now,
    ...some,
    limits: { ...standardLimits, ...some.limits },
  }
}
