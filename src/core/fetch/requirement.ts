import type { DogRecord, Reason } from '../../../index.js'
import { DogError } from '../model/errors.js'
import { stateOf } from '../model/freshness.js'
import { isSameJson } from '../model/json-value.js'

/** What a caller requires of a record: pure predicates, so that callers with different requirements can share one fetch. */
export interface Requirement {
  readonly reason: Reason
  /** Ignores `retryAt`. */
  readonly force: boolean
  /** A value that the upstream no longer accepts. `undefined`, which no value is: there is none. */
  readonly rejected?: unknown
  /** A record of a later generation than this is wanted. */
  readonly after?: number
  /** Whether a record that is already there is good enough. */
  acceptsCurrent(record: DogRecord, now: number): boolean
  /**
   * Whether a record that was committed while the caller waited is good enough, whatever is left of its
   * lifetime. Throws if no record ever will be.
   */
  acceptsCommitted(record: DogRecord): boolean
}

const isValid = (record: DogRecord, now: number): boolean => stateOf(record, now) !== 'expired'

/** `get` without a valid value: any valid record, or the next one even if its lifetime is already over. */
export const anyValid = (known: DogRecord | undefined): Requirement => ({
  reason: known === undefined ? 'missing' : 'expired',
  force: false,
  acceptsCurrent: isValid,
  acceptsCommitted: () => true,
})

/** A refresh ahead of the expiry: a record that is not due yet. */
export const notDue: Requirement = {
  reason: 'due',
  force: false,
  acceptsCurrent: (record, now) => stateOf(record, now) === 'fresh',
  acceptsCommitted: () => true,
}

/** `get` with `minTtl` (seconds): a record that lives that long, or one whose generation is later than `after`. */
export const withMinTtl = (known: DogRecord | undefined, minTtl: number, after: number, time: number): Requirement => ({
  reason: known === undefined ? 'missing' : isValid(known, time) ? 'due' : 'expired',
  force: false,
  after,
  acceptsCurrent: (record, now) => record.expiresAt - now >= minTtl * 1000,
  acceptsCommitted: (record) => record.generation > after,
})

/** `refresh`: a record whose generation is later than `after`, that is, whose fetch began after the call. */
export const newerThan = (after: number, force: boolean): Requirement => ({
  reason: 'forced',
  force,
  after,
  acceptsCurrent: (record) => record.generation > after,
  acceptsCommitted: (record) => record.generation > after,
})

/** `refresh({ rejected })`: a record with another value. */
export const differentFrom = (key: string, rejected: unknown, after: number, force: boolean): Requirement => ({
  reason: 'rejected',
  force,
  rejected,
  acceptsCurrent: (record, now) => isValid(record, now) && !isSameJson(record.value, rejected),
  acceptsCommitted: (record) => {
    if (!isSameJson(record.value, rejected)) return true
    if (record.generation <= after) return false
    throw new DogError('ERR_DOG_REJECTED', `The upstream of "${key}" answered with the value that was rejected`, { key })
  },
})
