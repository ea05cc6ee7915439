import type { DogRecord, Store } from '../../../index.js'

/** Keys that change and that nobody asked for here: their changes are told, and nothing binds them to a folder. */
export class Strangers {
  /** The generations that were told of. */
  readonly #told = new Map<Store, Map<string, number | undefined>>()
  readonly #tell: (key: string, record: DogRecord | undefined) => void

  constructor(tell: (key: string, record: DogRecord | undefined) => void) {
    this.#tell = tell
  }

  async look(key: string, store: Store): Promise<void> {
    const record = await store.read(key)
    let told = this.#told.get(store)
    if (told === undefined) this.#told.set(store, (told = new Map()))
    if (told.has(key) && told.get(key) === record?.generation) return
    told.set(key, record?.generation)
    this.#tell(key, record)
  }
}
