import type { DogRecord, Lease, Ledger, Store } from '../../../index.js'
import { monotonic, now, startTimer, stopTimer } from '../shared/clock.js'

/** Milliseconds a living holder is given after its time-out, as in the file store. */
const OVERDUE_GRACE_MS = 2000

interface Slot {
  record?: DogRecord
  ledger?: Ledger
  lease?: MemoryLease
  /** The last number drawn. */
  lastFencingToken: number
  /** Those who wait for a change of any of these. */
  waiters: Set<() => void>
}

/** A store in this process's memory: for tests, and for values that nobody shares. Its rules are the file store's. */
export class MemoryStore implements Store {
  readonly name = 'memory'
  readonly #slots = new Map<string, Slot>()
  readonly #listeners = new Set<(key: string) => void>()

  #slot(key: string): Slot {
    let slot = this.#slots.get(key)
    if (slot === undefined) this.#slots.set(key, (slot = { lastFencingToken: 0, waiters: new Set() }))
    return slot
  }

  read(key: string): DogRecord | undefined {
    return this.#slots.get(key)?.record
  }

  readLedger(key: string): Ledger | undefined {
    return this.#slots.get(key)?.ledger
  }

  holder(key: string): { fencingToken: number; name: string } | undefined {
    const lease = this.#slots.get(key)?.lease
    return lease === undefined || lease.isOverdue()
      ? undefined
      : { fencingToken: lease.fencingToken, name: `here:${process.pid}` }
  }

  async acquire(key: string, timeout: number): Promise<Lease | undefined> {
    const slot = this.#slot(key)
    const displaced = slot.lease
    if (displaced !== undefined && !displaced.isOverdue()) return undefined
    displaced?.lose()
    slot.lastFencingToken =
      Math.max(slot.record?.generation ?? Math.floor(now()), slot.lastFencingToken, slot.ledger?.fetches.last ?? 0) + 1
    slot.lease = new MemoryLease(slot.lastFencingToken, timeout * 1000, displaced !== undefined, {
      holds: (lease) => slot.lease === lease,
      note: (ledger) => {
        slot.ledger = structuredClone(ledger)
      },
      commit: (record) => {
        slot.record = record && deepFreeze(structuredClone(record))
        for (const listener of this.#listeners) listener(key)
      },
      leave: () => {
        slot.lease = undefined
        for (const wake of slot.waiters) wake()
      },
    })
    return slot.lease
  }

  async waitForChange(key: string, seen: number | undefined, signal: AbortSignal): Promise<void> {
    const slot = this.#slot(key)
    while (!signal.aborted && slot.record?.generation === seen && this.holder(key) !== undefined) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          stopTimer(timer)
          slot.waiters.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        const timer = startTimer(wake, slot.lease!.msUntilOverdue())
        slot.waiters.add(wake)
        signal.addEventListener('abort', wake)
      })
    }
  }

  watch(listener: (key: string) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async *keys(): AsyncIterable<string> {
    for (const [key, slot] of this.#slots) if (slot.record !== undefined) yield key
  }

  async close(): Promise<void> {}

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** What a lease may do to its slot. */
interface SlotAccess {
  holds(lease: MemoryLease): boolean
  note(ledger: Ledger): void
  commit(record: DogRecord | undefined): void
  leave(): void
}

class MemoryLease implements Lease {
  readonly #since = monotonic()
  readonly #lost = new AbortController()
  readonly evicted: string | undefined
  #timeout: number
  readonly #slot: SlotAccess

  constructor(
    readonly fencingToken: number,
    timeout: number,
    displaced: boolean,
    hands: SlotAccess,
  ) {
    this.#timeout = timeout
    this.evicted = displaced ? `here:${process.pid}` : undefined
    this.#slot = hands
  }

  get signal(): AbortSignal {
    return this.#lost.signal
  }

  ageMs(): number {
    return monotonic() - this.#since
  }

  /** Milliseconds until it may be taken over. */
  msUntilOverdue(): number {
    return Math.max(1, this.#timeout + OVERDUE_GRACE_MS - this.ageMs() + 1)
  }

  isOverdue(): boolean {
    return this.ageMs() > this.#timeout + OVERDUE_GRACE_MS
  }

  lose(): void {
    this.#lost.abort()
  }

  isHeld(): boolean {
    return this.#slot.holds(this)
  }

  async extend(seconds: number): Promise<void> {
    this.#timeout = Math.max(this.#timeout, this.ageMs() + seconds * 1000)
  }

  async writeLedger(ledger: Ledger): Promise<void> {
    if (this.isHeld()) this.#slot.note(ledger)
  }

  async commit(record: DogRecord | undefined): Promise<boolean> {
    if (!this.isHeld()) return false
    this.#slot.commit(record)
    this.#slot.leave()
    return true
  }

  async release(): Promise<void> {
    if (this.isHeld()) this.#slot.leave()
  }
}

/** Readers share the record. */
function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) deepFreeze(part)
    Object.freeze(value)
  }
  return value
}
