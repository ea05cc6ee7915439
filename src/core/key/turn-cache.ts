import type { DogRecord, Peeked } from '../../../index.js'
import { copyOf } from '../fetch/memory.js'
import { currentTick, latestTick } from '../shared/clock.js'

/** A turn that never ends must not serve a value for ever: the clock is read after so many uses all the same. */
const MAX_USES = 1000

/**
 * What was answered in this turn of the event loop, so that the same question is answered again without reading the clock:
 * what `get` and `peek` in a loop cost. Only for what has ample time left and is no object: of objects each caller gets its
 * own.
 */
export class TurnCache {
  #tick = -1
  #usesLeft = 0
  #record: DogRecord | undefined
  #peeked: Peeked<unknown> | undefined
  #answer: Promise<unknown> | undefined
  #isAskedAgain = false

  /** What `get` answers, if that still stands. */
  getAnswer(): Promise<unknown> | undefined {
    return this.#tick === latestTick() && this.#usesLeft-- > 0 ? this.#answer : undefined
  }

  /** What `peek` answers, if that still stands: all callers get the same one. */
  protected getPeeked(): Peeked<unknown> | undefined {
    if (this.#tick !== latestTick() || this.#usesLeft-- <= 0) return undefined
    return (this.#peeked ??= peekedOf(this.#record!))
  }

  protected put(record: DogRecord, answer?: Promise<unknown>): void {
    // A script that asks once, as most do, does not pay for it.
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

  /** There is another record: what was answered is over. */
  clear(): void {
    this.#tick = -1
  }
}

/** Frozen: what one caller does to it must not reach the others. */
export const peekedOf = ({ value, expiresAt, generation }: DogRecord): Peeked<unknown> =>
  Object.freeze({ value: copyOf(value), expiresAt, generation })
