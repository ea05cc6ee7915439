import type { DogRecord, Lease, Ledger, Reason, Store } from '../../../index.js'
import { storeError } from '../model/errors.js'
import { describeFailure, recordedError, unrecordedError } from '../model/failure.js'
import type { FetchResult } from '../model/fetch-result.js'
import type { KeyConfig } from '../model/options.js'
import { withAttempt } from '../model/policy.js'
import { now, pause } from '../shared/clock.js'
import { failpoint } from '../shared/failpoint.js'
import { unknownFields } from '../shared/format.js'
import { hostname } from '../shared/hostname.js'
import { denial, ledgerAfterFailure, ledgerAfterSuccess, newFailureSince } from './admission.js'
import { copyOf, Memory } from './memory.js'
import { assertOwner } from './ownership.js'
import type { Requirement } from './requirement.js'
import { type FetcherRun, type KeyResolver, runFetcher } from './run-fetcher.js'

/** What a keeper tells its dog. */
export interface CoordinatorHooks {
  links: KeyResolver
  /** Aborts when the dog closes. */
  closing(): AbortSignal
  onRefreshed(key: string, record: DogRecord, reason: Reason, ms: number, late: boolean): void
  onWaiting(key: string, holder: string | undefined): void
  onTakeover(key: string, holder: string): void
  onChanged(key: string, record: DogRecord | undefined): void
  onWarning(key: string, code: string, message: string): void
}

/** So many fetches that were not begun in time, one after the other, are the folder's fault and not the machine's. */
const MAX_SLOW_STARTS = 3

/** Milliseconds before a take that failed for no visible reason is tried again. */
const RETRY_DELAY_MS = 2

/**
 * One fetch for everybody. The whole algorithm of a key:
 *
 *     read → (good enough?) → take the lease → read again → count the attempt → fetch → commit
 *
 * and, where somebody else has the lease: wait until it is settled, and start over. It knows stores by their contract only.
 */
export class FetchCoordinator {
  constructor(
    readonly key: string,
    readonly store: Store,
    public config: KeyConfig,
    readonly hooks: CoordinatorHooks,
    readonly memory = new Memory(),
  ) {}

  /** Read: what the store has (or has just brought), or a newer value that it could not take. */
  read(brought?: DogRecord): DogRecord | undefined | Promise<DogRecord | undefined> {
    if (brought !== undefined) return this.memory.isOlderThanKnown(brought) ? this.memory.record : this.adopt(brought)
    const found = this.store.read(this.key)
    if (!(found instanceof Promise)) return this.adopt(found)
    const before = this.memory.record
    return found.then((record) => (this.memory.isOlderThanKnown(record, before) ? this.memory.record : this.adopt(record)))
  }

  /**
   * Gets what the goal wants, by a fetch or from another process's. Undefined if this is a background refresh (`waits`
   * false) and another process is at it.
   */
  async resolve(requirement: Requirement, waits: boolean, deadline: AbortSignal): Promise<DogRecord | undefined> {
    if (this.store.refresh !== undefined) return await this.#refreshRemotely(requirement, deadline)
    const initial = await this.read()
    const initialLedger = await this.store.readLedger(this.key)
    const slowStarts = { slow: 0 }
    let isNotified = false
    for (let round = 0, record = initial, brought: DogRecord | undefined; ; round++, record = await this.read(brought)) {
      brought = undefined
      deadline.throwIfAborted()
      if (record !== undefined && (requirement.acceptsCurrent(record, now()) || record.generation !== initial?.generation))
        return record
      const ledger = round === 0 ? initialLedger : await this.store.readLedger(this.key)
      const failure = newFailureSince(this.key, ledger, initialLedger)
      if (failure !== undefined) throw failure

      const denied = denial(this.key, this.config, requirement, ledger)
      const lease = denied === undefined ? await this.store.acquire(this.key, this.config.timeout) : undefined
      if (lease !== undefined) {
        const fetched = await this.#fetchUnderLease(lease, requirement, initial, slowStarts)
        if (fetched !== undefined) return fetched
        continue
      }
      const holder = await this.store.holder?.(this.key)
      if (denied !== undefined && holder === undefined) {
        // Unless a fetch ended between our first look and this one.
        if ((await this.read())?.generation === record?.generation) throw denied
        continue
      }
      if (!waits) return undefined
      // Nobody holds it and we did not get it: a race just lost, or a store that is at odds with itself.
      if (holder === undefined) await pause(RETRY_DELAY_MS)
      if (!isNotified) this.hooks.onWaiting(this.key, holder?.name)
      isNotified = true
      brought =
        (await this.store.waitForChange(this.key, this.memory.storedVersionOf(record)?.generation, deadline)) ?? undefined
    }
  }

  /** From a store whose values are fetched elsewhere. */
  async #refreshRemotely(
    { rejectedJson: stale, after, force }: Requirement,
    deadline: AbortSignal,
  ): Promise<DogRecord | undefined> {
    const wish = { force, after, ...(stale !== undefined && { stale: JSON.parse(stale) as unknown }) }
    const known = this.memory.record
    const record = await this.store.refresh!(this.key, wish, deadline)
    // One that was not wanted is asked for again by who waits.
    if (record.generation === known?.generation) await pause(RETRY_DELAY_MS)
    return this.adopt(record)
  }

  /** Under the lease: read again, count, fetch, commit. Undefined: it was let go or lost, start over. */
  async #fetchUnderLease(
    lease: Lease,
    requirement: Requirement,
    initial: DogRecord | undefined,
    slowStarts: { slow: number },
  ): Promise<DogRecord | undefined> {
    if (lease.evicted !== undefined) this.hooks.onTakeover(this.key, lease.evicted)
    let counted: Ledger
    let run: FetcherRun
    let current: DogRecord | undefined
    try {
      // Read again: another process may have fetched between our first look and the take. Without this, two fetches.
      current = await this.read()
      failpoint('again.read', this.key)
      const isNew = current !== undefined && current.generation !== initial?.generation
      if (
        isNew ||
        (current !== undefined && requirement.acceptsCurrent(current, now())) ||
        (await this.isFencingTokenUsed(lease))
      )
        return await this.#release(lease)
      const ledger = await this.store.readLedger(this.key)
      const denied = denial(this.key, this.config, requirement, ledger)
      if (denied !== undefined) throw denied

      counted = withAttempt(ledger, now(), this.config.window, lease.fencingToken)
      failpoint('count.begin', this.key)
      await lease.writeLedger(counted)
      failpoint('count.done', this.key)

      // In one synchronous step: the lease is still ours, young enough to end before anybody may rob it, and the call.
      if (!lease.isHeld()) return await this.#release(lease)
      if (lease.ageMs() > this.config.timeout * 500) return await this.#giveUpSlowStart(lease, ledger, slowStarts)
      failpoint('fetch.call', this.key)
      run = this.#run(lease, requirement, current)
    } catch (error) {
      await lease.release()
      throw error
    }
    try {
      return await this.#commit(lease, requirement, counted, current, await run.answer)
    } catch (error) {
      failpoint('fetch.failed', this.key)
      this.#commitLateAnswer(run, lease.fencingToken, current)
      try {
        if (!lease.isHeld()) return undefined
        const failure = describeFailure(this.key, error)
        const ledgerAfterwards = run.wasSuspended() ? counted : ledgerAfterFailure(counted, failure)
        if (ledgerAfterwards !== counted) await lease.writeLedger(ledgerAfterwards)
        if (ledgerAfterwards.failure === counted.failure) throw unrecordedError(this.key, failure, error)
        throw recordedError(this.key, ledgerAfterwards.failure!, error)
      } finally {
        await lease.release()
      }
    }
  }

  #run(lease: Lease, requirement: Requirement, previous: DogRecord | undefined): FetcherRun {
    const { key, config, hooks: around } = this
    const { timeout, refreshAhead } = config
    const warn = (code: string, message: string) => around.onWarning(key, code, message)
    const task = {
      key,
      fetcher: config.fetcher!,
      timeout,
      refreshAhead,
      previous: copyOf(previous?.value),
      reason: requirement.reason,
    }
    return runFetcher({ ...task, keys: around.links, onWarning: warn }, lease)
  }

  /** Commits the answer. A rename that fails is not a failed fetch: the value is served, and written when it can be. */
  async #commit(
    lease: Lease,
    requirement: Requirement,
    counted: Ledger,
    previous: DogRecord | undefined,
    answer: FetchResult,
  ): Promise<DogRecord> {
    failpoint('fetch.answered', this.key)
    const durationMs = lease.ageMs()
    const record = this.recordOf(answer, lease.fencingToken, previous)
    let committed: boolean
    try {
      const ledger = ledgerAfterSuccess(counted, requirement, previous, record)
      // The value counts for more than the ledger: it is committed all the same.
      if (ledger !== counted) await lease.writeLedger(ledger).catch((error) => this.#warn(error))
      committed = await lease.commit(record)
    } catch (error) {
      const kept = this.#keepUnwritten(record, error)
      await lease.release().catch(() => {})
      return kept
    }
    // Robbed: somebody took us for dead, or our time was over. The value may still be the upstream's newest.
    if (!committed) return await this.#commitLate(record)
    this.adopt(record)
    this.hooks.onRefreshed(this.key, record, requirement.reason, durationMs, false)
    return record
  }

  /** A value that comes after its time-out is not thrown away: the upstream may have rotated, and then only it is good. */
  #commitLateAnswer(run: FetcherRun, number: number, previous: DogRecord | undefined): void {
    run.lateAnswer
      .then((answer) => (answer === undefined ? undefined : this.#commitLate(this.recordOf(answer, number, previous))))
      .catch((error) => this.#warn(error))
  }

  #warn(error: unknown): void {
    const { code, message } = describeFailure(this.key, error)
    this.hooks.onWarning(this.key, code, message)
  }

  /** Stores a value under a new lease, unless there is one of a later-drawn number. Returns the newer of both. */
  async #commitLate(record: DogRecord): Promise<DogRecord> {
    try {
      for (;;) {
        // Also while the dog closes: the fetch is let finish.
        const newest = await this.#commitUnderLease(await this.acquireForWrite(new AbortController().signal), record)
        if (newest !== undefined) return newest
      }
    } catch (error) {
      return this.#keepUnwritten(record, error)
    }
  }

  /** What the store does not take lives on in memory, and is written when it can be. Returns the newer of both. */
  #keepUnwritten(record: DogRecord, error: unknown): DogRecord {
    const { message } = describeFailure(this.key, error)
    this.hooks.onWarning(this.key, 'ERR_DOG_STORE', `The new value of "${this.key}" is not stored yet: ${message}`)
    return this.memory.keepUnwritten(record)
  }

  /** Undefined: robbed. */
  async #commitUnderLease(lease: Lease, record: DogRecord): Promise<DogRecord | undefined> {
    try {
      const newest = await this.read()
      if (newest !== undefined && newest.generation >= record.generation && newest !== this.memory.unwritten) return newest
      if (!(await lease.commit(record))) return undefined
      this.adopt(record)
      this.hooks.onRefreshed(this.key, record, 'missing', lease.ageMs(), true)
      return record
    } finally {
      await lease.release()
    }
  }

  /** Writes the value that the store could not take, unless somebody else is at work there. */
  async commitUnwritten(): Promise<void> {
    const record = this.memory.unwritten
    const lease = record && (await this.store.acquire(this.key, this.config.timeout))
    if (lease !== undefined) await this.#commitUnderLease(lease, record!)
  }

  /** The lease, when it is to be had. For writes that are no fetch. */
  async acquireForWrite(deadline: AbortSignal): Promise<Lease> {
    for (;;) {
      const lease = await this.store.acquire(this.key, this.config.timeout)
      if (lease !== undefined) return lease
      const record = await this.store.read(this.key)
      if ((await this.store.holder?.(this.key)) === undefined) await pause(RETRY_DELAY_MS)
      await this.store.waitForChange(this.key, record?.generation, deadline)
      deadline.throwIfAborted()
    }
  }

  /** Whether a number as late as the lease's was used since it was drawn: then it orders nothing, and another is drawn. */
  async isFencingTokenUsed(lease: Lease): Promise<boolean> {
    const ledger = await this.store.readLedger(this.key)
    const record = await this.store.read(this.key)
    return Math.max(record?.generation ?? 0, ledger?.fetches.last ?? 0) >= lease.fencingToken
  }

  /** Half of the time-out went by before the fetch began: it is not begun, and not counted. */
  async #giveUpSlowStart(lease: Lease, ledger: Ledger | undefined, slowStarts: { slow: number }): Promise<undefined> {
    const { since = now(), count = 0 } = ledger?.fetches ?? {}
    await lease.writeLedger({ ...ledger, fetches: { since, count, last: lease.fencingToken } })
    await lease.release()
    if (++slowStarts.slow < MAX_SLOW_STARTS) return undefined
    const problem = `takes over half of the time-out (${this.config.timeout} s) to be ready for a fetch`
    throw storeError(this.store.path?.(this.key) ?? this.store.name, problem, undefined, this.key)
  }

  async #release(lease: Lease): Promise<undefined> {
    await lease.release()
    return undefined
  }

  recordOf(answer: FetchResult, generation: number, previous: DogRecord | undefined): DogRecord {
    const { identity } = this.config
    const by = `${hostname()}:${process.pid}`
    return { ...unknownFields(previous), key: this.key, ...answer, generation, ...(identity !== undefined && { identity }), by }
  }

  adopt(found: DogRecord | undefined): DogRecord | undefined {
    if (found !== undefined && found !== this.memory.record) assertOwner(found, this.store, this.config)
    const { record, changed } = this.memory.adopt(found)
    if (changed) this.hooks.onChanged(this.key, record)
    return record
  }
}
