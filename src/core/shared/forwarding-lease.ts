import type { DogRecord, Lease, Ledger } from '../../../index.js'

/** Forwards everything to another lease. A decorator of a store overrides what it changes. */
export class ForwardingLease implements Lease {
  readonly #lease: Lease

  constructor(lease: Lease) {
    this.#lease = lease
  }

  get fencingToken(): number {
    return this.#lease.fencingToken
  }

  get signal(): AbortSignal {
    return this.#lease.signal
  }

  get evicted(): string | undefined {
    return this.#lease.evicted
  }

  ageMs(): number {
    return this.#lease.ageMs()
  }

  isHeld(): boolean {
    return this.#lease.isHeld()
  }

  extend(seconds: number): Promise<void> {
    return this.#lease.extend(seconds)
  }

  writeLedger(ledger: Ledger): Promise<void> {
    return this.#lease.writeLedger(ledger)
  }

  commit(record: DogRecord | undefined): Promise<boolean> {
    return this.#lease.commit(record)
  }

  release(): Promise<void> {
    return this.#lease.release()
  }
}
