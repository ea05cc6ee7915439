import type { DogRecord } from '../../../index.js'
import { commitUnwritten } from '../fetch/late-commit.js'
import type { StoredKey } from '../fetch/stored-key.js'
import { DogError } from '../model/errors.js'
import { stateOf } from '../model/freshness.js'
import { monotonic, now } from '../shared/clock.js'

/** A value in memory is compared with the store's at most this often. */
const RECHECK_MS = 100
/** A value that the store did not take is offered again this often. */
const COMMIT_RETRY_MS = 1000

/**
 * Reads the stored record, as far as this process has to know it. The store is read at most every
 * 100 ms. Where it cannot be read, what memory holds is served while it is valid, and never fetched
 * behind the store's back.
 */
export class StoreReader {
  #checkedAt = Number.NEGATIVE_INFINITY
  #nextCommitAt = 0
  #isFailing = false
  /** Counts the reads. */
  #reads = 0
  /** The latest read that the store answered. */
  #lastAnswered = 0

  constructor(readonly stored: StoredKey) {}

  read(time: number): DogRecord | undefined | Promise<DogRecord | undefined> {
    const age = time - this.#checkedAt
    const { record, unwritten } = this.stored.memory
    if (age >= 0 && age < RECHECK_MS) return record
    this.#checkedAt = time
    if (unwritten !== undefined) this.#retryCommit()
    const read = ++this.#reads
    try {
      const found = this.stored.read()
      if (!(found instanceof Promise)) return this.confirm(found)
      const reading = found.then(
        (record) => {
          this.#lastAnswered = Math.max(this.#lastAnswered, read)
          return this.confirm(record)
        },
        (error) => this.#onReadError(error, read),
      )
      if (!this.#isFailing || record === undefined || stateOf(record, time) === 'expired') return reading
      // While a database is down, no caller waits for its time-out again.
      reading.catch(() => {})
      return record
    } catch (error) {
      return this.#onReadError(error, read)
    }
  }

  /** The next call reads the store. */
  invalidate(): void {
    this.#checkedAt = Number.NEGATIVE_INFINITY
  }

  /** The store answered with this record, or took it. */
  confirm(record: DogRecord | undefined): DogRecord | undefined {
    this.#isFailing = false
    return record
  }

  #onReadError(error: unknown, read: number): DogRecord {
    const { key, memory, environment } = this.stored
    const { record } = memory
    const isStoreError = error instanceof DogError && error.code === 'ERR_DOG_STORE'
    if (!isStoreError || record === undefined || stateOf(record, now()) === 'expired') {
      this.#checkedAt = Number.NEGATIVE_INFINITY
      throw error
    }
    // A read that failed late says nothing of a store that has answered a later read.
    if (read < this.#lastAnswered) return record
    if (!this.#isFailing) environment.events.onWarning(key, error.code, error.message)
    this.#isFailing = true
    return record
  }

  #retryCommit(): void {
    if (monotonic() < this.#nextCommitAt) return
    this.#nextCommitAt = monotonic() + COMMIT_RETRY_MS
    // If the store still does not take it, the value lives on in memory, and everybody was warned.
    commitUnwritten(this.stored).catch(() => {})
  }
}
