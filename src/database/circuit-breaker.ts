import type { DogError } from 'dotdog'
import { monotonic } from '../core/shared/clock.js'

/** So many operations on a key fail one after the other before it is left alone for a while: each may take half a second. */
const PATIENCE = 3
/** Milliseconds of that. */
const REST = 1000

interface Failing {
  times: number
  /** Monotonic milliseconds at which it failed last. */
  at: number
  error: DogError
}

/** What a store's operations say of it: whether it is down, and whether it is worth asking for a key. */
export class Outage {
  readonly #failing = new Map<string, Failing>()
  #isOn = false

  get isOn(): boolean {
    return this.#isOn
  }

  /** What it would answer again: it failed several times, and just now. */
  standing(key: string): DogError | undefined {
    const failing = this.#failing.get(key)
    return failing !== undefined && failing.times >= PATIENCE && monotonic() < failing.at + REST ? failing.error : undefined
  }

  /**
   * An operation that begun then (monotonic milliseconds) has failed; of several at once one counts. Returns whether this is
   * the beginning.
   */
  failed(key: string, begun: number, error: DogError): boolean {
    const { times = 0, at = 0 } = this.#failing.get(key) ?? {}
    this.#failing.set(key, { times: begun < at ? times : times + 1, at: monotonic(), error })
    const isFirst = !this.#isOn
    this.#isOn = true
    return isFirst
  }

  answered(key: string): void {
    this.#failing.delete(key)
    this.#isOn = false
  }
}
