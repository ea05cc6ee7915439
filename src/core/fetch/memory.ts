import type { DogRecord } from '../../../index.js'
import { monotonic, now } from '../shared/clock.js'
import { registerSecret } from '../shared/redact.js'

/**
 * What this process remembers of one key: the store's record as last read, and a value that the store
 * could not take. A value is over for this process when its lifetime has passed by the monotonic clock
 * as well: the wall clock may be set back.
 */
export class Memory {
  #stored: DogRecord | undefined
  #unwritten: DogRecord | undefined
  #isKnown = false
  /** Monotonic milliseconds at which the store's record is over at the latest. */
  #expiresAtMonotonic = 0
  /** Called when another record is remembered: an answer that was cached from here is out of date. */
  onReplaced: (() => void) | undefined

  get record(): DogRecord | undefined {
    return this.#unwritten ?? this.#stored
  }

  get unwritten(): DogRecord | undefined {
    return this.#unwritten
  }

  /** Whether the store was ever read. */
  get isKnown(): boolean {
    return this.#isKnown
  }

  /** The record that the store had when this one was remembered. The store never had an unwritten one. */
  storedVersionOf(record: DogRecord | undefined): DogRecord | undefined {
    return record !== undefined && record === this.#unwritten ? this.#stored : record
  }

  /**
   * Whether a database's answer was overtaken on its way: a newer record is known now.
   *
   * @param before the record that was known when the read began
   */
  isOlderThanKnown(found: DogRecord | undefined, before?: DogRecord): boolean {
    const { record } = this
    return record !== before && record !== undefined && (found?.generation ?? 0) < record.generation
  }

  /** Takes over what the store has now. A vanished record empties memory, except for a value not yet written. */
  adopt(found: DogRecord | undefined): { record: DogRecord | undefined; changed: boolean } {
    const changed = this.#isKnown && found?.generation !== this.#stored?.generation
    if (found !== this.#stored) this.onReplaced?.()
    if (found !== undefined && found !== this.#stored) registerSecret(found.value)
    if (found !== undefined && found.generation !== this.#stored?.generation) {
      this.#expiresAtMonotonic = monotonic() + Math.min(found.expiresAt - now(), found.expiresAt - found.fetchedAt)
    }
    this.#stored = found !== undefined && monotonic() >= this.#expiresAtMonotonic ? { ...found, expiresAt: 0 } : found
    this.#isKnown = true
    if (this.#unwritten !== undefined && (found?.generation ?? 0) >= this.#unwritten.generation) this.#unwritten = undefined
    return { record: this.record, changed }
  }

  /** Forgets the value that was not stored: another one is about to be. */
  dropUnwritten(): void {
    this.#unwritten = undefined
    this.onReplaced?.()
  }

  /**
   * Keeps a value that was fetched and could not be stored. The upstream may have rotated, so it may be
   * the only good one. A known record of a higher generation wins. Returns the newer of both.
   */
  keepUnwritten(record: DogRecord): DogRecord {
    registerSecret(record.value)
    if (this.record !== undefined && this.record.generation > record.generation) return this.record
    this.#unwritten = record
    this.onReplaced?.()
    return record
  }
}

/** Each caller gets a value of its own: what one caller does to an object must not reach the others. */
export const copyOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? structuredClone(value) : value
