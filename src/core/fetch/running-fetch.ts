import type { DogRecord, Lease } from '../../../index.js'
import { withoutAttempt } from '../model/quota.js'
import { now } from '../shared/clock.js'
import type { StoredKey, Supersedable, WriteUnderLease, Written } from './stored-key.js'

/**
 * A fetch whose fetcher runs in this process. A `set` or `remove` of this process does not wait for
 * it, because the fetcher itself may be waiting for the write. It is committed under the lease of
 * the fetch, with a higher fencing token, so that the fetch's own answer is discarded later.
 *
 * A commit releases the lease. So a new lease is taken at once and kept until the fetcher ends:
 * no other process shall fetch beside it.
 */
export class RunningFetch implements Supersedable {
  #lease: Lease | undefined
  #written: Written | undefined
  #writes: Promise<unknown> = Promise.resolve()
  #isOver = false
  #wasReplaced = false
  #onReplaced!: (record: DogRecord) => void
  readonly #replaced = new Promise<DogRecord>((resolve) => (this.#onReplaced = resolve))

  constructor(
    readonly stored: StoredKey,
    readonly fetchLease: Lease,
  ) {
    this.#lease = fetchLease
  }

  /** The lease that keeps other processes from fetching. Undefined if another process came first. */
  get lease(): Lease | undefined {
    return this.#lease
  }

  /** What was written last. Undefined: nothing, so that the fetch's own answer counts. */
  get written(): Written | undefined {
    return this.#written
  }

  get signal(): AbortSignal {
    return this.fetchLease.signal
  }

  ageMs(): number {
    return this.fetchLease.ageMs()
  }

  async extend(seconds: number): Promise<void> {
    await this.#lease?.extend(seconds)
  }

  /**
   * Resolves to the record of a `set` as soon as it is stored. Otherwise resolves to undefined when the
   * fetch has an answer or failed, and no write is under way.
   */
  async untilReplacedOrEnded(answer: Promise<unknown>): Promise<DogRecord | undefined> {
    const end = () => this.#end()
    return await Promise.race([this.#replaced, answer.then(end, end)])
  }

  async #end(): Promise<undefined> {
    this.#isOver = true
    if (this.stored.runningFetch === this) this.stored.runningFetch = undefined
    await this.#writes
    // Nobody else waits for the fetcher any more.
    if (this.#wasReplaced) await this.#lease?.release()
  }

  async #takeLeaseAgain(): Promise<Lease | undefined> {
    const { store, key } = this.stored
    const lease = await this.stored.acquire()
    // Its fencing token may be seen as the holder's, so that no fetch may draw it again.
    await lease?.writeLedger(withoutAttempt(await store.readLedger(key), now(), lease.fencingToken))
    return lease
  }

  /** Writes under this fetch's lease. Resolves to undefined if the write must take a lease of its own. */
  write(commit: WriteUnderLease): Promise<Written | undefined> {
    const writing = this.#writes.then(() => this.#write(commit))
    this.#writes = writing.catch(() => {})
    return writing
  }

  async #write(commit: WriteUnderLease): Promise<Written | undefined> {
    const lease = this.#lease
    if (this.#isOver || lease === undefined || !lease.isHeld()) return undefined
    const { store, key } = this.stored
    const ledger = await store.readLedger(key)
    const record = await store.read(key)
    const fencingToken = Math.max(lease.fencingToken, record?.generation ?? 0, ledger?.fetches.last ?? 0) + 1
    try {
      const written = await commit(lease, fencingToken)
      this.#written = written ?? this.#written
      return written
    } finally {
      if (!lease.isHeld()) this.#lease = await this.#takeLeaseAgain().catch(() => undefined)
      if (this.#written?.record !== undefined) {
        this.#wasReplaced = true
        this.#onReplaced(this.#written.record)
      }
    }
  }
}
