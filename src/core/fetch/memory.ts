import type { DogRecord } from '../../../index.js'
import { monotonic, now } from '../shared/clock.js'
import { learn } from '../shared/redact.js'

/**
 * What this process remembers of one key: the store's record as last seen, and a value that the store could not take. A
 * value is over for this process when its lifetime has passed by the monotonic clock, too: the wall clock may be set back.
 */
export class Memory {
  #record: DogRecord | undefined
  #unwritten: DogRecord | undefined
  #isKnown = false
  /** What was answered from here, and is over when something else is remembered. */
  cache: { clear(): void } | undefined
  /** Monotonic milliseconds at which the store's record is over at the latest. */
  #expiresAtMonotonic = 0

  get record(): DogRecord | undefined {
    return this.#unwritten ?? this.#record
  }

  /** What the store had when this record was read: one that only memory has, it never had. */
  storedVersionOf(record: DogRecord | undefined): DogRecord | undefined {
    return record !== undefined && record === this.#unwritten ? this.#record : record
  }

  get unwritten(): DogRecord | undefined {
    return this.#unwritten
  }

  /** Whether the store was ever looked into. */
  get isKnown(): boolean {
    return this.#isKnown
  }

  /** Whether what a database answered was overtaken on its way: a newer record is known, and was not `before`. */
  isOlderThanKnown(found: DogRecord | undefined, before?: DogRecord): boolean {
    const { record } = this
    return record !== before && record !== undefined && (found?.generation ?? 0) < record.generation
  }

  /** Takes over what the store has now. A vanished record empties memory, except a value not yet written. */
  adopt(found: DogRecord | undefined): { record: DogRecord | undefined; changed: boolean } {
    const changed = this.#isKnown && found?.generation !== this.#record?.generation
    if (found !== this.#record) this.cache?.clear()
    if (found !== undefined && found !== this.#record) learn(found.value)
    if (found !== undefined && found.generation !== this.#record?.generation) {
      this.#expiresAtMonotonic = monotonic() + Math.min(found.expiresAt - now(), found.expiresAt - found.fetchedAt)
    }
    this.#record = found !== undefined && monotonic() >= this.#expiresAtMonotonic ? { ...found, expiresAt: 0 } : found
    this.#isKnown = true
    if (this.#unwritten !== undefined && (found?.generation ?? 0) >= this.#unwritten.generation) this.#unwritten = undefined
    return { record: this.record, changed }
  }

  /** Lets go of the value that was not stored: another one is about to be. */
  dropUnwritten(): void {
    this.#unwritten = undefined
    this.cache?.clear()
  }

  /**
   * Keeps a value that was fetched and could not be stored: the upstream may have rotated, so it is the only good one. Unless
   * one of a later-drawn number is known. Returns the newer of both.
   */
  keepUnwritten(record: DogRecord): DogRecord {
    learn(record.value)
    if (this.record !== undefined && this.record.generation > record.generation) return this.record
    this.#unwritten = record
    this.cache?.clear()
    return record
  }
}

/** Each caller gets a value of its own: what one does to an object must not reach the others. */
export const copyOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? structuredClone(value) : value
