import type { DogRecord } from '../../../index.js'
import type { FetchCoordinator } from '../fetch/coordinator.js'
import { DogError } from '../model/errors.js'
import { stateOf } from '../model/policy.js'
import { monotonic, now } from '../shared/clock.js'

/** A value in memory is compared with the store's at most so often; milliseconds. */
const RECHECK_MS = 100
/** A value that the store did not take is offered again so often; milliseconds. */
const COMMIT_RETRY_MS = 1000

/**
 * What is stored now, as far as this process has to know: the store is asked at most every 100 ms, and where it cannot be
 * read, what memory holds is served while it is valid, and never fetched behind the store's back.
 */
export class StoreReader {
  #checkedAt = Number.NEGATIVE_INFINITY
  #nextCommitAt = 0
  #isFailing = false
  /** Counts the looks; and the last that the store answered. */
  #reads = 0
  #lastAnswered = 0

  constructor(readonly keeper: FetchCoordinator) {}

  read(time: number): DogRecord | undefined | Promise<DogRecord | undefined> {
    const age = time - this.#checkedAt
    const { record, unwritten } = this.keeper.memory
    if (age >= 0 && age < RECHECK_MS) return record
    this.#checkedAt = time
    if (unwritten !== undefined) this.#retryCommit()
    const look = ++this.#reads
    try {
      const found = this.keeper.read()
      if (!(found instanceof Promise)) return this.confirm(found)
      const reading = found.then(
        (record) => {
          this.#lastAnswered = Math.max(this.#lastAnswered, look)
          return this.confirm(record)
        },
        (error) => this.#onReadError(error, look),
      )
      if (!this.#isFailing || record === undefined || stateOf(record, time) === 'expired') return reading
      // While a database is down, no caller waits for its time-out again.
      reading.catch(() => {})
      return record
    } catch (error) {
      return this.#onReadError(error, look)
    }
  }

  /** The next call asks the store. */
  invalidate(): void {
    this.#checkedAt = Number.NEGATIVE_INFINITY
  }

  /** The store said this, or took it. */
  confirm(record: DogRecord | undefined): DogRecord | undefined {
    this.#isFailing = false
    return record
  }

  #onReadError(error: unknown, look: number): DogRecord {
    const { record } = this.keeper.memory
    const isStore = error instanceof DogError && error.code === 'ERR_DOG_STORE'
    if (!isStore || record === undefined || stateOf(record, now()) === 'expired') {
      this.#checkedAt = Number.NEGATIVE_INFINITY
      throw error
    }
    // A look that failed late says nothing of a store that has answered a later one.
    if (look < this.#lastAnswered) return record
    if (!this.#isFailing) this.keeper.hooks.onWarning(this.keeper.key, error.code, error.message)
    this.#isFailing = true
    return record
  }

  #retryCommit(): void {
    if (monotonic() < this.#nextCommitAt) return
    this.#nextCommitAt = monotonic() + COMMIT_RETRY_MS
    // Still not to be had: the value goes on living in memory, and everybody was warned.
    this.keeper.commitUnwritten().catch(() => {})
  }
}
