import type { DogRecord, Lease, Ledger, Store } from '../../../index.js'
import { monotonic, now, startTimer, stopTimer } from '../shared/clock.js'

/** Milliseconds a living holder is given after its time-out, as in the file store. */
const GRACE = 2000

interface Slot {
  record?: DogRecord
  ledger?: Ledger
  lease?: MemoryLease
  /** The last number drawn. */
  drawn: number
  /** Those who wait for a change of any of these. */
  waiting: Set<() => void>
}

/** A store in this process's memory: for tests, and for values that nobody shares. Its rules are the file store's. */
export class MemoryStore implements Store {
  readonly name = 'memory'
  readonly #slots = new Map<string, Slot>()
  readonly #listeners = new Set<(key: string) => void>()

  #slot(key: string): Slot {
    let slot = this.#slots.get(key)
    if (slot === undefined) this.#slots.set(key, (slot = { drawn: 0, waiting: new Set() }))
    return slot
  }

  read(key: string): DogRecord | undefined {
    return this.#slots.get(key)?.record
  }

  ledger(key: string): Ledger | undefined {
    return this.#slots.get(key)?.ledger
  }

  holder(key: string): { number: number; name: string } | undefined {
    const lease = this.#slots.get(key)?.lease
    return lease === undefined || lease.isOverdue() ? undefined : { number: lease.number, name: `here:${process.pid}` }
  }

  async take(key: string, timeout: number): Promise<Lease | undefined> {
    const slot = this.#slot(key)
    const displaced = slot.lease
    if (displaced !== undefined && !displaced.isOverdue()) return undefined
    displaced?.lose()
    slot.drawn = Math.max(slot.record?.generation ?? Math.floor(now()), slot.drawn, slot.ledger?.fetches.last ?? 0) + 1
    slot.lease = new MemoryLease(slot.drawn, timeout * 1000, displaced !== undefined, {
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
        for (const wake of slot.waiting) wake()
      },
    })
    return slot.lease
  }

  async settled(key: string, seen: number | undefined, signal: AbortSignal): Promise<void> {
    const slot = this.#slot(key)
    while (!signal.aborted && slot.record?.generation === seen && this.holder(key) !== undefined) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          stopTimer(timer)
          slot.waiting.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        const timer = startTimer(wake, slot.lease!.left())
        slot.waiting.add(wake)
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
}

/** What a lease may do to its slot. */
interface Hands {
  holds(lease: MemoryLease): boolean
  note(ledger: Ledger): void
  commit(record: DogRecord | undefined): void
  leave(): void
}

class MemoryLease implements Lease {
  readonly #since = monotonic()
  readonly #lost = new AbortController()
  readonly displaced: string | undefined
  #timeout: number
  readonly #hands: Hands

  constructor(
    readonly number: number,
    timeout: number,
    displaced: boolean,
    hands: Hands,
  ) {
    this.#timeout = timeout
    this.displaced = displaced ? `here:${process.pid}` : undefined
    this.#hands = hands
  }

  get signal(): AbortSignal {
    return this.#lost.signal
  }

  age(): number {
    return monotonic() - this.#since
  }

  /** Milliseconds until it may be taken over. */
  left(): number {
    return Math.max(1, this.#timeout + GRACE - this.age() + 1)
  }

  isOverdue(): boolean {
    return this.age() > this.#timeout + GRACE
  }

  lose(): void {
    this.#lost.abort()
  }

  held(): boolean {
    return this.#hands.holds(this)
  }

  async extend(seconds: number): Promise<void> {
    this.#timeout = Math.max(this.#timeout, this.age() + seconds * 1000)
  }

  async note(ledger: Ledger): Promise<void> {
    if (this.held()) this.#hands.note(ledger)
  }

  async commit(record: DogRecord | undefined): Promise<boolean> {
    if (!this.held()) return false
    this.#hands.commit(record)
    this.#hands.leave()
    return true
  }

  async release(): Promise<void> {
    if (this.held()) this.#hands.leave()
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
