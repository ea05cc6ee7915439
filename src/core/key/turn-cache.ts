import type { DogRecord, Peeked } from '../../../index.js'
import { copyOf } from '../fetch/memory.js'
import { currentTick, latestTick } from '../shared/clock.js'

/** A tick that never ends must not serve a value for ever: after this many uses the clock is read all the same. */
const MAX_USES = 1000

/**
 * What was answered in this tick of the event loop. The same question is answered again without reading
 * the clock, which is what `get` and `peek` cost in a loop. Only values with ample time left are put
 * here, and no objects: of an object each caller gets a copy of its own.
 */
export class TurnCache {
  #tick = -1
  #usesLeft = 0
  #record: DogRecord | undefined
  #peeked: Peeked<unknown> | undefined
  #answer: Promise<unknown> | undefined
  #isAskedAgain = false

  /** The answer of `get`, if it still stands. */
  getAnswer(): Promise<unknown> | undefined {
    return this.#tick === latestTick() && this.#usesLeft-- > 0 ? this.#answer : undefined
  }

  /** The answer of `peek`, if it still stands. All callers get the same frozen object. */
  getPeeked(): Peeked<unknown> | undefined {
    if (this.#tick !== latestTick() || this.#usesLeft-- <= 0) return undefined
    return (this.#peeked ??= peekedOf(this.#record!))
  }

  put(record: DogRecord, answer?: Promise<unknown>): void {
    // A script that asks once, as most do, does not pay for the cache.
    if (!this.#isAskedAgain) {
      this.#isAskedAgain = true
      return
    }
    this.#record = record
    this.#peeked = undefined
    this.#answer = answer
    this.#tick = currentTick()
    this.#usesLeft = MAX_USES
  }

  /** Another record is known now: earlier answers are out of date. */
  clear(): void {
    this.#tick = -1
  }
}

/** Frozen, so that a change by one caller does not reach the others. */
export const peekedOf = ({ value, expiresAt, generation }: DogRecord): Peeked<unknown> =>
  Object.freeze({ value: copyOf(value), expiresAt, generation })
