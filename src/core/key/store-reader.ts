import type { DogRecord } from '../../../index.js'
import type { Keeper } from '../fetch/coordinator.js'
import { DogError } from '../model/errors.js'
import { stateOf } from '../model/policy.js'
import { monotonic, now } from '../shared/clock.js'

/** A value in memory is compared with the store's at most so often; milliseconds. */
const RECHECK = 100
/** A value that the store did not take is offered again so often; milliseconds. */
const REWRITE = 1000

/**
 * What is stored now, as far as this process has to know: the store is asked at most every 100 ms, and where it cannot be
 * read, what memory holds is served while it is valid, and never fetched behind the store's back.
 */
export class Recheck {
  #checkedAt = Number.NEGATIVE_INFINITY
  #rewriteAt = 0
  #isFailing = false
  /** Counts the looks; and the last that the store answered. */
  #looks = 0
  #answered = 0

  constructor(readonly keeper: Keeper) {}

  current(time: number): DogRecord | undefined | Promise<DogRecord | undefined> {
    const age = time - this.#checkedAt
    const { record, unwritten } = this.keeper.memory
    if (age >= 0 && age < RECHECK) return record
    this.#checkedAt = time
    if (unwritten !== undefined) this.#rewrite()
    const look = ++this.#looks
    try {
      const found = this.keeper.read()
      if (!(found instanceof Promise)) return this.done(found)
      const reading = found.then(
        (record) => {
          this.#answered = Math.max(this.#answered, look)
          return this.done(record)
        },
        (error) => this.#unreadable(error, look),
      )
      if (!this.#isFailing || record === undefined || stateOf(record, time) === 'expired') return reading
      // While a database is down, no caller waits for its time-out again.
      reading.catch(() => {})
      return record
    } catch (error) {
      return this.#unreadable(error, look)
    }
  }

  /** The next call asks the store. */
  expire(): void {
    this.#checkedAt = Number.NEGATIVE_INFINITY
  }

  /** The store said this, or took it. */
  done(record: DogRecord | undefined): DogRecord | undefined {
    this.#isFailing = false
    return record
  }

  #unreadable(error: unknown, look: number): DogRecord {
    const { record } = this.keeper.memory
    const isStore = error instanceof DogError && error.code === 'ERR_DOG_STORE'
    if (!isStore || record === undefined || stateOf(record, now()) === 'expired') {
      this.#checkedAt = Number.NEGATIVE_INFINITY
      throw error
    }
    // A look that failed late says nothing of a store that has answered a later one.
    if (look < this.#answered) return record
    if (!this.#isFailing) this.keeper.around.warn(this.keeper.key, error.code, error.message)
    this.#isFailing = true
    return record
  }

  #rewrite(): void {
    if (monotonic() < this.#rewriteAt) return
    this.#rewriteAt = monotonic() + REWRITE
    // Still not to be had: the value goes on living in memory, and everybody was warned.
    this.keeper.writeUnwritten().catch(() => {})
  }
}
