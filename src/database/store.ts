import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { DogError, type DogEvents, type DogRecord, type Lease, type Ledger, type Store } from 'dotdog'
import { monotonic, now, pause, WakeableSleep } from '../core/shared/clock.js'
import { type DecodeResult, decodeLedger, decodeRecord } from '../core/shared/format.js'
import { OVERDUE_GRACE_MS } from '../core/shared/lease-timing.js'
import { onAbort } from '../core/shared/on-abort.js'
import type { AcquireRequest, Backend, Holder, WaitResult } from './backend.js'
import { ChangeListener } from './change-listener.js'
import { DatabaseLease, LEASE_MS, leaseMsFor, type RunStep } from './lease.js'

/** A waiter with a subscription reads again after this time, in case a message was lost. */
const POLL_MS = 1000
/** A waiter reads again after this time while there is no subscription or no answer. */
const POLL_WITHOUT_SUBSCRIPTION_MS = 100

export type StoreWarning = DogEvents['warning']

/**
 * A store in a database that several machines share, over any {@link Backend}. The rules are those
 * of the file store: one lease a key, fencing tokens that order the fetches, and commits that only
 * the holder of the lease can make. Only the rule for a dead holder differs: a holder counts as
 * dead when it has not renewed its lease for 5 s.
 */
export class DatabaseStore implements Store {
  readonly capabilities = ['holder', 'watch', 'onWarning', 'forget'] as const
  readonly #backend: Backend
  readonly #changes: ChangeListener
  readonly #warningListeners = new Set<(warning: StoreWarning) => void>()
  /** The record of each key as it was read last, so that the same text is the same object. */
  readonly #lastRead = new Map<string, { text: string; record: DogRecord | undefined }>()
  /**
   * The last fencing token this process drew, by key: none is used twice, even if the database lost
   * it.
   */
  readonly #lastFencingTokens = new Map<string, number>()
  readonly #closed = new AbortController()

  constructor(backend: Backend) {
    this.#backend = backend
    this.#changes = new ChangeListener(backend)
  }

  get name(): string {
    return this.#backend.name
  }

  onWarning(listener: (warning: StoreWarning) => void): void {
    this.#warningListeners.add(listener)
  }

  #warn(key: string | undefined, message: string): void {
    for (const listener of this.#warningListeners) listener({ key, code: 'ERR_DOG_STORE', message })
  }

  async read(key: string): Promise<DogRecord | undefined> {
    return this.#decodeRecord(key, await this.#runStep(key, () => this.#backend.read(key)))
  }

  #decodeRecord(key: string, text: string | undefined): DogRecord | undefined {
    const last = this.#lastRead.get(key)
    if (text === undefined) {
      this.#lastRead.delete(key)
      return undefined
    }
    if (last?.text === text) return last.record
    const decoded = this.#usable(key, 'record', decodeRecord(text, key))
    const record = decoded?.key === key ? decoded : undefined
    this.#lastRead.set(key, { text, record })
    return record
  }

  async readLedger(key: string): Promise<Ledger | undefined> {
    const text = await this.#runStep(key, () => this.#backend.readLedger(key))
    return text === undefined ? undefined : this.#usable(key, 'ledger', decodeLedger(text))
  }

  /**
   * Damaged data counts as missing.
   *
   * @throws DogError for data that a newer version wrote, so that nothing overwrites it.
   */
  #usable<T>(key: string, what: 'record' | 'ledger', decoded: DecodeResult<T>): T | undefined {
    if (decoded === 'newer') throw this.#error(key, `has a ${what} that was written by a newer dotdog`)
    if (decoded !== 'damaged') return decoded
    this.#warn(key, `${this.#backend.endpoint}: the ${what} of "${key}" is damaged, and counts as missing`)
    return undefined
  }

  async holder(key: string): Promise<{ fencingToken: number; name: string } | undefined> {
    const holder = await this.#runStep(key, () => this.#backend.holder(key))
    return holder && { fencingToken: holder.fencingToken, name: holder.name }
  }

  async acquire(key: string, timeout: number): Promise<Lease | undefined> {
    const requestedAt = monotonic()
    const overdueAfterMs = timeout * 1000 + OVERDUE_GRACE_MS
    const request: AcquireRequest = {
      nonce: randomUUID(),
      holder: `${hostname()}:${process.pid}`,
      leaseMs: leaseMsFor(overdueAfterMs),
      // A database that was restored from an older copy must not draw a token again that some
      // process still remembers.
      fencingTokenFloor: Math.max(Math.floor(now()), this.#lastFencingTokens.get(key) ?? 0),
    }
    const { nonce, leaseMs } = request
    const runStep: RunStep = (step) => this.#runStep(key, step)
    const acquired = await runStep(() =>
      this.#backend.acquire(key, request).catch((error) => {
        // The lease may have been taken although no answer came. Nobody would know that it is ours.
        this.#backend.release(key, nonce).catch(() => {})
        throw error
      }),
    )
    if (acquired === undefined) return undefined
    this.#lastFencingTokens.set(key, acquired.fencingToken)
    const closed = this.#closed.signal
    const hasRecord = () => this.#lastRead.has(key)
    const terms = { key, nonce, requestedAt, overdueAfterMs, leaseMs, closed, hasRecord, ...acquired }
    return new DatabaseLease(this.#backend, runStep, terms)
  }

  async waitForChange(key: string, seen: number | undefined, signal: AbortSignal): Promise<DogRecord | undefined> {
    const sleep = new WakeableSleep()
    /** Milliseconds between two reads, once this waiter relies on the subscription. */
    let pollMs = this.#backend.waitBlocking === undefined ? await this.#subscribe() : undefined
    let failingSince = 0
    while (!signal.aborted) {
      let endBlockingWait: (() => void) | undefined
      let wasNewerCommitted = false
      // The waiter is registered before it reads, so that no later change goes unnoticed.
      sleep.reset()
      const stopWaiting = this.#changes.wait(key, (generation) => {
        wasNewerCommitted ||= generation !== undefined && generation > (seen ?? 0)
        sleep.wake()
      })
      const stopFollowingSignal = onAbort(signal, () => {
        sleep.wake()
        endBlockingWait?.()
      })
      try {
        // The holder is asked for first: what happens after its cursor is either read here, or ends
        // the wait.
        const [holder, record] = await Promise.all([this.#runStep(key, () => this.#backend.holder(key)), this.read(key)])
        if (record?.generation !== seen || holder === undefined) return record
        failingSince = 0
        if (pollMs === undefined) {
          const result = await new Promise<WaitResult | undefined>((resolve, reject) => {
            endBlockingWait = () => resolve({})
            if (signal.aborted) endBlockingWait()
            else this.#waitBlocking(key, holder).then(resolve, reject)
          })
          if (result === undefined) pollMs = await this.#subscribe()
          else if (result.text !== undefined) {
            const committed = this.#decodeRecord(key, result.text)
            if (committed !== undefined && committed.generation > (seen ?? 0)) return committed
          }
        } else {
          await sleep.sleep(Math.min(pollMs, holder.msLeft + 1))
          // A read here would cost every waiter another round trip, all at the same time.
          if (wasNewerCommitted) return undefined
        }
      } catch (error) {
        // The caller learns of a database that is down for longer than a lease, not of a short
        // failure.
        failingSince ||= monotonic()
        if (monotonic() - failingSince > LEASE_MS) throw error
        await pause(POLL_WITHOUT_SUBSCRIPTION_MS, signal)
        pollMs &&= POLL_WITHOUT_SUBSCRIPTION_MS
      } finally {
        stopWaiting()
        stopFollowingSignal()
      }
    }
  }

  /**
   * Begins the subscription. Resolves to the milliseconds between two reads of a waiter from now
   * on.
   */
  #subscribe(): Promise<number> {
    return this.#changes.open().then(
      () => POLL_MS,
      () => POLL_WITHOUT_SUBSCRIPTION_MS,
    )
  }

  /** Waits in the database, at most until the lease ends. `undefined`: the database cannot. */
  #waitBlocking(key: string, { cursor, msLeft }: Holder): Promise<WaitResult | undefined> {
    if (cursor === undefined) return Promise.resolve(undefined)
    const ms = Math.min(POLL_MS, Math.ceil(msLeft) + 1)
    return this.#runStep(key, () => this.#backend.waitBlocking!(key, cursor, ms))
  }

  watch(listener: (key: string) => void): () => void {
    const notify = (changed: string | undefined) => {
      for (const key of changed === undefined ? [...this.#lastRead.keys()] : [changed]) listener(key)
    }
    return this.#changes.watch(notify, () =>
      this.#warn(undefined, `${this.#backend.endpoint} does not notify of changes for now: they are found by reading`),
    )
  }

  async *keys(): AsyncIterable<string> {
    const missing = new Set(this.#lastRead.keys())
    try {
      for await (const key of this.#backend.keys()) {
        missing.delete(key)
        yield key
      }
    } catch (error) {
      throw this.#error(undefined, 'cannot be listed', error)
    }
    for (const key of missing) this.#lastRead.delete(key)
  }

  forget(key: string): void {
    this.#lastRead.delete(key)
    // A later token is higher than the clock, which this one must not be ahead of.
    if ((this.#lastFencingTokens.get(key) ?? 0) < Math.floor(now())) this.#lastFencingTokens.delete(key)
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await this.#changes.close()
    await this.#backend.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #runStep<T>(key: string, step: () => Promise<T>): Promise<T> {
    try {
      return await step()
    } catch (error) {
      throw error instanceof DogError ? error : this.#error(key, 'cannot be used', error)
    }
  }

  #error(key: string | undefined, problem: string, cause?: unknown): DogError {
    // A backend's errors hold no secret: it cuts off what a database says of a row or a command.
    const { code, message } = (cause ?? {}) as { code?: unknown; message?: unknown }
    const details = [code, message].filter((part) => typeof part === 'string' && part !== '').join(': ')
    const reason = details === '' ? '' : ` (${details})`
    return new DogError('ERR_DOG_STORE', `${this.#backend.endpoint}: ${problem}${reason}`, {
      ...(key !== undefined && { key }),
      cause,
    })
  }
}
