/**
 * Milliseconds that a living holder is given after the time-out of its lease. Until both are over
 * no store lets another process take the lease from it. All stores use this one value.
 */
export const OVERDUE_GRACE_MS = 2000
