import type { DogRecord, Store } from '../../../index.js'

/** Keys that change and that nobody asked for here. Their changes are reported, and nothing binds them to a folder. */
export class UnregisteredKeys {
  /** The generations that were reported, by store and key. */
  readonly #reported = new Map<Store, Map<string, number | undefined>>()
  readonly #onChanged: (key: string, record: DogRecord | undefined) => void

  constructor(onChanged: (key: string, record: DogRecord | undefined) => void) {
    this.#onChanged = onChanged
  }

  async reread(key: string, store: Store): Promise<void> {
    const record = await store.read(key)
    let reported = this.#reported.get(store)
    if (reported === undefined) this.#reported.set(store, (reported = new Map()))
    if (reported.has(key) && reported.get(key) === record?.generation) return
    reported.set(key, record?.generation)
    this.#onChanged(key, record)
  }
}
