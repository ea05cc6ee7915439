import type { DogRecord, Lease, Ledger, Store, StoreCapability } from '../../../index.js'
import { isRemovalOver } from '../model/removal.js'
import { monotonic, now, startTimer, stopTimer } from '../shared/clock.js'
import { OVERDUE_GRACE_MS } from '../shared/lease-timing.js'

/** Everything that the store keeps of one key. */
interface Slot {
  record?: DogRecord
  ledger?: Ledger
  lease?: MemoryLease
  /** The fencing token of the last lease. */
  lastFencingToken: number
  /** The callbacks of callers that wait until the lease ends. */
  waiters: Set<() => void>
  /** Nobody has asked for the key since it was forgotten. */
  isForgotten?: boolean
}

/** The idle slots that each acquisition examines. More than one, so that they are gone in time. */
const MAX_SLOTS_EXAMINED = 4

/**
 * A store in this process's memory, for tests and for values that nobody shares. It follows the
 * rules of the file store.
 */
export class MemoryStore implements Store {
  readonly name = 'memory'
  readonly capabilities: readonly StoreCapability[] = ['holder', 'watch', 'forget']
  readonly #slots = new Map<string, Slot>()
  readonly #listeners = new Set<(key: string) => void>()
  /** Keys whose slot may be dropped, now or later. */
  readonly #idleKeys = new Set<string>()

  #slot(key: string): Slot {
    let slot = this.#slots.get(key)
    if (slot === undefined) this.#slots.set(key, (slot = { lastFencingToken: 0, waiters: new Set() }))
    return slot
  }

  read(key: string): DogRecord | undefined {
    const slot = this.#slots.get(key)
    if (slot?.isForgotten) slot.isForgotten = false
    return slot?.record
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
    this.#dropIdleSlots()
    const slot = this.#slot(key)
    const evicted = slot.lease
    if (evicted !== undefined && !evicted.isOverdue()) return undefined
    evicted?.lose()
    slot.isForgotten = false
    slot.lastFencingToken =
      Math.max(slot.record?.generation ?? Math.floor(now()), slot.lastFencingToken, slot.ledger?.fetches.last ?? 0) + 1
    slot.lease = new MemoryLease(slot.lastFencingToken, timeout * 1000, evicted !== undefined, {
      isHeldBy: (lease) => slot.lease === lease,
      writeLedger: (ledger) => {
        slot.ledger = structuredClone(ledger)
      },
      commit: (record) => {
        slot.record = record && deepFreeze(structuredClone(record))
        for (const listener of this.#listeners) listener(key)
      },
      release: () => {
        slot.lease = undefined
        for (const wake of slot.waiters) wake()
        if (slot.record === undefined || slot.isForgotten) this.#idleKeys.add(key)
      },
    })
    return slot.lease
  }

  /** Drops the value too: nobody else has this memory. A lease that is held is left to end. */
  forget(key: string): void {
    const slot = this.#slots.get(key)
    if (slot === undefined) return
    slot.isForgotten = true
    this.#idleKeys.add(key)
    this.#dropIfOver(key)
  }

  #dropIdleSlots(): void {
    let examined = 0
    for (const key of this.#idleKeys) {
      if (++examined > MAX_SLOTS_EXAMINED) break
      this.#idleKeys.delete(key)
      // What cannot be dropped yet is examined again after the others.
      this.#idleKeys.add(key)
      this.#dropIfOver(key)
    }
  }

  #dropIfOver(key: string): void {
    const slot = this.#slots.get(key)
    const isIdle = slot === undefined || slot.record === undefined || slot.isForgotten === true
    if (!isIdle) {
      this.#idleKeys.delete(key)
      return
    }
    if (slot !== undefined && !isOver(slot)) return
    this.#idleKeys.delete(key)
    this.#slots.delete(key)
  }

  async waitForChange(key: string, seen: number | undefined, signal: AbortSignal): Promise<void> {
    for (;;) {
      const slot = this.#slots.get(key)
      const lease = slot?.lease
      if (signal.aborted || slot?.record?.generation !== seen || lease === undefined || lease.isOverdue()) return
      await new Promise<void>((resolve) => {
        const wake = () => {
          stopTimer(timer)
          slot!.waiters.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        const timer = startTimer(wake, lease.msUntilOverdue())
        slot!.waiters.add(wake)
        signal.addEventListener('abort', wake)
      })
    }
  }

  watch(listener: (key: string) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async *keys(): AsyncIterable<string> {
    for (const [key, slot] of this.#slots) if (slot.record !== undefined && !slot.isForgotten) yield key
  }

  async close(): Promise<void> {}

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Whether nothing of an idle slot is needed any more. No token may be used twice, so that the clock must be past its last. */
const isOver = ({ lease, waiters, lastFencingToken, ledger, isForgotten }: Slot): boolean =>
  lease === undefined &&
  waiters.size === 0 &&
  lastFencingToken < Math.floor(now()) &&
  (isForgotten === true || ledger === undefined || isRemovalOver(ledger, now()))

/** The operations of a lease on its slot. */
interface SlotAccess {
  isHeldBy(lease: MemoryLease): boolean
  writeLedger(ledger: Ledger): void
  commit(record: DogRecord | undefined): void
  release(): void
}

class MemoryLease implements Lease {
  readonly #acquiredAt = monotonic()
  readonly #lost = new AbortController()
  readonly evicted: string | undefined
  #timeoutMs: number
  readonly #slot: SlotAccess

  constructor(
    readonly fencingToken: number,
    timeoutMs: number,
    hasEvicted: boolean,
    slot: SlotAccess,
  ) {
    this.#timeoutMs = timeoutMs
    this.evicted = hasEvicted ? `here:${process.pid}` : undefined
    this.#slot = slot
  }

  get signal(): AbortSignal {
    return this.#lost.signal
  }

  ageMs(): number {
    return monotonic() - this.#acquiredAt
  }

  /** How long until another caller may take the lease over. At least 1. */
  msUntilOverdue(): number {
    return Math.max(1, this.#timeoutMs + OVERDUE_GRACE_MS - this.ageMs() + 1)
  }

  isOverdue(): boolean {
    return this.ageMs() > this.#timeoutMs + OVERDUE_GRACE_MS
  }

  lose(): void {
    this.#lost.abort()
  }

  isHeld(): boolean {
    return this.#slot.isHeldBy(this)
  }

  async extend(seconds: number): Promise<void> {
    this.#timeoutMs = Math.max(this.#timeoutMs, this.ageMs() + seconds * 1000)
  }

  async writeLedger(ledger: Ledger): Promise<void> {
    if (this.isHeld()) this.#slot.writeLedger(ledger)
  }

  async commit(record: DogRecord | undefined): Promise<boolean> {
    if (!this.isHeld()) return false
    this.#slot.commit(record)
    this.#slot.release()
    return true
  }

  async release(): Promise<void> {
    if (this.isHeld()) this.#slot.release()
  }
}

/** All readers get the same record, so that none of them may change it. */
function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) deepFreeze(part)
    Object.freeze(value)
  }
  return value
}
