import type { DogRecord, Lease, Ledger } from '../../../index.js'
import { withoutAttempt } from '../model/quota.js'
import { monotonic, now, pause } from '../shared/clock.js'
import { onAbort } from '../shared/on-abort.js'
import { RETRY_DELAY_MS, type StoredKey, type Supersedable, type WriteUnderLease, type Written } from './stored-key.js'

/**
 * A fetch whose fetcher runs in this process. A `set` or `remove` of this process does not wait for
 * it, because the fetcher itself may be waiting for the write. It is committed under the lease of
 * the fetch, with a higher fencing token, so that the fetch's own answer is discarded later.
 *
 * A commit releases the lease. So a new lease is taken at once and kept until the fetcher ends:
 * no other process shall fetch beside it. If another process was faster, its lease is waited for.
 */
export class RunningFetch implements Supersedable {
  #lease: Lease | undefined
  #written: Written | undefined
  #writes: Promise<unknown> = Promise.resolve()
  /** Until this moment no process shall take the fetcher for overdue. Monotonic milliseconds. */
  #neededUntil = 0
  #wasReplaced = false
  #onReplaced!: (record: DogRecord) => void
  readonly #replaced = new Promise<DogRecord>((resolve) => (this.#onReplaced = resolve))
  readonly #lost = new AbortController()
  /** Aborts when the fetcher has ended. */
  readonly #ended = new AbortController()

  constructor(
    readonly stored: StoredKey,
    readonly fetchLease: Lease,
  ) {
    this.#hold(fetchLease)
  }

  /** The lease that keeps other processes from fetching. Undefined while another process has it. */
  get lease(): Lease | undefined {
    return this.#lease
  }

  /** What was written last. Undefined: nothing, so that the fetch's own answer counts. */
  get written(): Written | undefined {
    return this.#written
  }

  /** Aborts when the lease is lost, also one that was taken again. */
  get signal(): AbortSignal {
    return this.#lost.signal
  }

  ageMs(): number {
    return this.fetchLease.ageMs()
  }

  async extend(seconds: number): Promise<void> {
    this.#neededUntil = Math.max(this.#neededUntil, monotonic() + seconds * 1000)
    await this.#lease?.extend(seconds)
  }

  #hold(lease: Lease): void {
    this.#lease = lease
    const onLost = () => this.#lease === lease && this.#lost.abort()
    if (lease.signal.aborted) onLost()
    else onAbort(lease.signal, onLost)
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
    this.#ended.abort()
    if (this.stored.runningFetch === this) this.stored.runningFetch = undefined
    await this.#writes
    // Nobody else waits for the fetcher any more.
    if (this.#wasReplaced) await this.#lease?.release()
  }

  /** Writes under this fetch's lease. Resolves to undefined if the write must take a lease of its own. */
  write(commit: WriteUnderLease): Promise<Written | undefined> {
    const writing = this.#writes.then(() => this.#write(commit))
    this.#writes = writing.catch(() => {})
    return writing
  }

  async #write(commit: WriteUnderLease): Promise<Written | undefined> {
    const lease = this.#lease
    if (this.#ended.signal.aborted || lease === undefined || !lease.isHeld()) return undefined
    const { store, key } = this.stored
    const ledger = await store.readLedger(key)
    const record = await store.read(key)
    const fencingToken = Math.max(lease.fencingToken, record?.generation ?? 0, ledger?.fetches.last ?? 0) + 1
    try {
      const written = await commit(lease, fencingToken)
      this.#written = written ?? this.#written
      return written
    } finally {
      if (!lease.isHeld()) await this.#takeLeaseAgain()
      if (this.#written?.record !== undefined) {
        this.#wasReplaced = true
        this.#onReplaced(this.#written.record)
      }
    }
  }

  /** Resolves after the first try. If another process was faster, goes on until the fetcher ends. */
  async #takeLeaseAgain(): Promise<void> {
    this.#lease = undefined
    if (!(await this.#tryLeaseAgain())) this.#retry().catch(() => {})
  }

  async #retry(): Promise<void> {
    const { store, key } = this.stored
    const { signal } = this.#ended
    while (!signal.aborted) {
      const record = await this.stored.store.read(key)
      if ((await store.holder?.(key)) === undefined) await pause(RETRY_DELAY_MS, signal)
      await store.waitForChange(key, record?.generation, signal)
      if (signal.aborted || (await this.#tryLeaseAgain())) return
    }
  }

  async #tryLeaseAgain(): Promise<boolean> {
    const lease = await this.stored.acquire().catch(() => undefined)
    if (lease === undefined) return false
    try {
      const { store, key } = this.stored
      // Its fencing token may be seen as the holder's, so that no fetch may draw it again.
      await lease.writeLedger(this.#ledgerOfLease(await store.readLedger(key), lease))
      const msNeeded = this.#neededUntil - monotonic()
      if (msNeeded > 0) await lease.extend(msNeeded / 1000)
    } catch {
      await lease.release()
      return false
    }
    if (this.#ended.signal.aborted) await lease.release()
    else this.#hold(lease)
    return true
  }

  /** After a removal no value has the lease's number: what the removal voids ends with it. */
  #ledgerOfLease(ledger: Ledger | undefined, { fencingToken }: Lease): Ledger {
    const used = withoutAttempt(ledger, now(), fencingToken)
    const wasRemoved = this.#written !== undefined && this.#written.record === undefined
    return wasRemoved && used.voidUpTo !== undefined ? { ...used, voidUpTo: fencingToken } : used
  }
}
