import type { DogRecord, Peeked } from '../index.js'
import { lastTurn, thisTurn } from './clock.js'

/** A turn that never ends must not serve a value for ever: the clock is read after so many uses all the same. */
const USES = 1000

/**
 * What was answered in this turn of the event loop, so that the same question is answered again without reading the clock:
 * what `get` and `peek` in a loop cost. Only for what has ample time left and is no object: of objects each caller gets its
 * own.
 */
export class Hot {
  #turn = -1
  #uses = 0
  #peeked: Peeked<unknown> | undefined
  #answer: Promise<unknown> | undefined

  /** What `get` answers, if that still stands. */
  hot(): Promise<unknown> | undefined {
    return this.#turn === lastTurn() && this.#uses-- > 0 ? this.#answer : undefined
  }

  /** What `peek` answers, if that still stands. */
  protected hotPeek(): Peeked<unknown> | undefined {
    return this.#turn === lastTurn() && this.#uses-- > 0 ? this.#peeked : undefined
  }

  protected heat({ value, expiresAt, generation }: DogRecord, answer?: Promise<unknown>): void {
    // All callers get the same one.
    this.#peeked = Object.freeze({ value, expiresAt, generation })
    this.#answer = answer
    this.#turn = thisTurn()
    this.#uses = USES
  }

  /** There is another record: what was answered is over. */
  cool(): void {
    this.#turn = -1
  }
}
