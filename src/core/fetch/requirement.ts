import type { DogRecord, Reason } from '../../../index.js'
import { DogError } from '../model/errors.js'
import { stateOf } from '../model/policy.js'

/** What a caller wants: pure predicates over records, so that callers with different wishes can share one fetch. */
export interface Goal {
  readonly reason: Reason
  /** Ignores `retryAt`. */
  readonly force: boolean
  /** The JSON of a value that the upstream no longer takes. */
  readonly stale?: string
  /** A fetch that is wanted is numbered later than this. */
  readonly after?: number
  /** Whether a record that is there does. */
  accepts(record: DogRecord, now: number): boolean
  /** Whether a record that was committed while the caller waited does, whatever is left of its lifetime. Throws if none ever will. */
  acceptsNew(record: DogRecord): boolean
}

const isValid = (record: DogRecord, now: number): boolean => stateOf(record, now) !== 'expired'

/** `get` without a valid value: any valid one, or what comes, be its lifetime over already. */
export const wantValid = (known: DogRecord | undefined): Goal => ({
  reason: known === undefined ? 'missing' : 'expired',
  force: false,
  accepts: isValid,
  acceptsNew: () => true,
})

/** A refresh ahead of the expiry. */
export const wantFresh: Goal = {
  reason: 'due',
  force: false,
  accepts: (record, now) => stateOf(record, now) === 'fresh',
  acceptsNew: () => true,
}

/** `get` with `minTtl` (seconds): one that lives so long, or one from a fetch numbered later than `after`. */
export const wantLonger = (known: DogRecord | undefined, minTtl: number, after: number, time: number): Goal => ({
  reason: known === undefined ? 'missing' : isValid(known, time) ? 'due' : 'expired',
  force: false,
  after,
  accepts: (record, now) => record.expiresAt - now >= minTtl * 1000,
  acceptsNew: (record) => record.generation > after,
})

/** `refresh`: one from a fetch numbered later than `after`, that is, begun after the call. */
export const wantNew = (after: number, force: boolean): Goal => ({
  reason: 'forced',
  force,
  after,
  accepts: (record) => record.generation > after,
  acceptsNew: (record) => record.generation > after,
})

/** `refresh({ stale })`: another value than that. */
export const wantOther = (key: string, stale: string, after: number, force: boolean): Goal => ({
  reason: 'rejected',
  force,
  stale,
  accepts: (record, now) => isValid(record, now) && JSON.stringify(record.value) !== stale,
  acceptsNew: (record) => {
    if (JSON.stringify(record.value) !== stale) return true
    if (record.generation <= after) return false
    throw new DogError('ERR_DOG_REJECTED', `The upstream of "${key}" answered with the value that was rejected`, { key })
  },
})
