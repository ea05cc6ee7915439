import type { DogRecord, Store } from '../../../index.js'

/** Of more keys than this, the one that was reported first is forgotten: its next report may be a repetition. */
const MAX_REPORTED_KEYS = 1000

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
    const reported = this.#reported.get(store)
    if (reported?.has(key) && reported.get(key) === record?.generation) return
    this.setReported(key, store, record?.generation)
    this.#onChanged(key, record)
  }

  setReported(key: string, store: Store, generation: number | undefined): void {
    let reported = this.#reported.get(store)
    if (reported === undefined) this.#reported.set(store, (reported = new Map()))
    reported.delete(key)
    reported.set(key, generation)
    if (reported.size <= MAX_REPORTED_KEYS) return
    const [oldest] = reported.keys()
    reported.delete(oldest!)
  }

  forget(key: string): void {
    for (const reported of this.#reported.values()) reported.delete(key)
  }
}
