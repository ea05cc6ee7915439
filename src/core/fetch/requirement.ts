import type { DogRecord, Reason } from '../../../index.js'
import { DogError } from '../model/errors.js'
import { stateOf } from '../model/policy.js'

/** What a caller wants: pure predicates over records, so that callers with different wishes can share one fetch. */
export interface Requirement {
  readonly reason: Reason
  /** Ignores `retryAt`. */
  readonly force: boolean
  /** The JSON of a value that the upstream no longer takes. */
  readonly rejectedJson?: string
  /** A fetch that is wanted is numbered later than this. */
  readonly after?: number
  /** Whether a record that is there does. */
  acceptsCurrent(record: DogRecord, now: number): boolean
  /** Whether a record that was committed while the caller waited does, whatever is left of its lifetime. Throws if none ever will. */
  acceptsCommitted(record: DogRecord): boolean
}

const isValid = (record: DogRecord, now: number): boolean => stateOf(record, now) !== 'expired'

/** `get` without a valid value: any valid one, or what comes, be its lifetime over already. */
export const anyValid = (known: DogRecord | undefined): Requirement => ({
  reason: known === undefined ? 'missing' : 'expired',
  force: false,
  acceptsCurrent: isValid,
  acceptsCommitted: () => true,
})

/** A refresh ahead of the expiry. */
export const notDue: Requirement = {
  reason: 'due',
  force: false,
  acceptsCurrent: (record, now) => stateOf(record, now) === 'fresh',
  acceptsCommitted: () => true,
}

/** `get` with `minTtl` (seconds): one that lives so long, or one from a fetch numbered later than `after`. */
export const withMinTtl = (known: DogRecord | undefined, minTtl: number, after: number, time: number): Requirement => ({
  reason: known === undefined ? 'missing' : isValid(known, time) ? 'due' : 'expired',
  force: false,
  after,
  acceptsCurrent: (record, now) => record.expiresAt - now >= minTtl * 1000,
  acceptsCommitted: (record) => record.generation > after,
})

/** `refresh`: one from a fetch numbered later than `after`, that is, begun after the call. */
export const newerThan = (after: number, force: boolean): Requirement => ({
  reason: 'forced',
  force,
  after,
  acceptsCurrent: (record) => record.generation > after,
  acceptsCommitted: (record) => record.generation > after,
})

/** `refresh({ stale })`: another value than that. */
export const differentFrom = (key: string, rejectedJson: string, after: number, force: boolean): Requirement => ({
  reason: 'rejected',
  force,
  rejectedJson: rejectedJson,
  acceptsCurrent: (record, now) => isValid(record, now) && JSON.stringify(record.value) !== rejectedJson,
  acceptsCommitted: (record) => {
    if (JSON.stringify(record.value) !== rejectedJson) return true
    if (record.generation <= after) return false
    throw new DogError('ERR_DOG_REJECTED', `The upstream of "${key}" answered with the value that was rejected`, { key })
  },
})
