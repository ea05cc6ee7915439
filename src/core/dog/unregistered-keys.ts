import type { DogRecord, Store } from '../../../index.js'

/** Keys that change and that nobody asked for here: their changes are told, and nothing binds them to a folder. */
export class UnregisteredKeys {
  /** The generations that were told of. */
  readonly #notified = new Map<Store, Map<string, number | undefined>>()
  readonly #onChanged: (key: string, record: DogRecord | undefined) => void

  constructor(tell: (key: string, record: DogRecord | undefined) => void) {
    this.#onChanged = tell
  }

  async reread(key: string, store: Store): Promise<void> {
    const record = await store.read(key)
    let told = this.#notified.get(store)
    if (told === undefined) this.#notified.set(store, (told = new Map()))
    if (told.has(key) && told.get(key) === record?.generation) return
    told.set(key, record?.generation)
    this.#onChanged(key, record)
  }
}
