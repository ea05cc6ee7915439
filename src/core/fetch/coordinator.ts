import type { DogRecord, Lease, Ledger, Reason, Store } from '../../../index.js'
import { storeError } from '../model/errors.js'
import { failureOf, recordedError, unrecordedError } from '../model/failure.js'
import type { Answer } from '../model/fetch-result.js'
import type { KeyConfig } from '../model/options.js'
import { withAttempt } from '../model/policy.js'
import { now, pause } from '../shared/clock.js'
import { step } from '../shared/failpoint.js'
import { unknownFields } from '../shared/format.js'
import { hostname } from '../shared/hostname.js'
import { failedMeanwhile, ledgerAfter, ledgerAfterFailure, obstacleTo } from './admission.js'
import { copyOf, Memory } from './memory.js'
import { checkClaim } from './ownership.js'
import type { Goal } from './requirement.js'
import { type Links, type Run, runFetcher } from './run-fetcher.js'

/** What a keeper tells its dog. */
export interface Surroundings {
  links: Links
  /** Aborts when the dog closes. */
  closing(): AbortSignal
  refreshed(key: string, record: DogRecord, reason: Reason, ms: number, late: boolean): void
  waiting(key: string, holder: string | undefined): void
  tookOver(key: string, holder: string): void
  changed(key: string, record: DogRecord | undefined): void
  warn(key: string, code: string, message: string): void
}

/** So many fetches that were not begun in time, one after the other, are the folder's fault and not the machine's. */
const PATIENCE = 3

/** Milliseconds before a take that failed for no visible reason is tried again. */
const BREATH = 2

/**
 * One fetch for everybody. The whole algorithm of a key:
 *
 *     read → (good enough?) → take the lease → read again → count the attempt → fetch → commit
 *
 * and, where somebody else has the lease: wait until it is settled, and start over. It knows stores by their contract only.
 */
export class Keeper {
  constructor(
    readonly key: string,
    readonly store: Store,
    public config: KeyConfig,
    readonly around: Surroundings,
    readonly memory = new Memory(),
  ) {}

  /** Read: what the store has (or has just brought), or a newer value that it could not take. */
  read(brought?: DogRecord): DogRecord | undefined | Promise<DogRecord | undefined> {
    if (brought !== undefined) return this.memory.hasOvertaken(brought) ? this.memory.record : this.adopt(brought)
    const found = this.store.read(this.key)
    if (!(found instanceof Promise)) return this.adopt(found)
    const before = this.memory.record
    return found.then((record) => (this.memory.hasOvertaken(record, before) ? this.memory.record : this.adopt(record)))
  }

  /**
   * Gets what the goal wants, by a fetch or from another process's. Undefined if this is a background refresh (`waits`
   * false) and another process is at it.
   */
  async attain(goal: Goal, waits: boolean, deadline: AbortSignal): Promise<DogRecord | undefined> {
    if (this.store.refresh !== undefined) return await this.#askElsewhere(goal, deadline)
    const seen = await this.read()
    const before = await this.store.ledger(this.key)
    const patience = { slow: 0 }
    let told = false
    for (let round = 0, record = seen, brought: DogRecord | undefined; ; round++, record = await this.read(brought)) {
      brought = undefined
      deadline.throwIfAborted()
      if (record !== undefined && (goal.accepts(record, now()) || record.generation !== seen?.generation)) return record
      const ledger = round === 0 ? before : await this.store.ledger(this.key)
      const failure = failedMeanwhile(this.key, ledger, before)
      if (failure !== undefined) throw failure

      const obstacle = obstacleTo(this.key, this.config, goal, ledger)
      const lease = obstacle === undefined ? await this.store.take(this.key, this.config.timeout) : undefined
      if (lease !== undefined) {
        const fetched = await this.#fetchUnder(lease, goal, seen, patience)
        if (fetched !== undefined) return fetched
        continue
      }
      const holder = await this.store.holder?.(this.key)
      if (obstacle !== undefined && holder === undefined) {
        // Unless a fetch ended between our first look and this one.
        if ((await this.read())?.generation === record?.generation) throw obstacle
        continue
      }
      if (!waits) return undefined
      // Nobody holds it and we did not get it: a race just lost, or a store that is at odds with itself.
      if (holder === undefined) await pause(BREATH)
      if (!told) this.around.waiting(this.key, holder?.name)
      told = true
      brought = (await this.store.settled(this.key, this.memory.storedFor(record)?.generation, deadline)) ?? undefined
    }
  }

  /** From a store whose values are fetched elsewhere. */
  async #askElsewhere({ stale, after, force }: Goal, deadline: AbortSignal): Promise<DogRecord | undefined> {
    const wish = { force, after, ...(stale !== undefined && { stale: JSON.parse(stale) as unknown }) }
    const known = this.memory.record
    const record = await this.store.refresh!(this.key, wish, deadline)
    // One that was not wanted is asked for again by who waits.
    if (record.generation === known?.generation) await pause(BREATH)
    return this.adopt(record)
  }

  /** Under the lease: read again, count, fetch, commit. Undefined: it was let go or lost, start over. */
  async #fetchUnder(
    lease: Lease,
    goal: Goal,
    seen: DogRecord | undefined,
    patience: { slow: number },
  ): Promise<DogRecord | undefined> {
    if (lease.displaced !== undefined) this.around.tookOver(this.key, lease.displaced)
    let counted: Ledger
    let run: Run
    let again: DogRecord | undefined
    try {
      // Read again: another process may have fetched between our first look and the take. Without this, two fetches.
      again = await this.read()
      step('again.read', this.key)
      const isNew = again !== undefined && again.generation !== seen?.generation
      if (isNew || (again !== undefined && goal.accepts(again, now())) || (await this.isPassed(lease)))
        return await this.#leave(lease)
      const ledger = await this.store.ledger(this.key)
      const obstacle = obstacleTo(this.key, this.config, goal, ledger)
      if (obstacle !== undefined) throw obstacle

      counted = withAttempt(ledger, now(), this.config.window, lease.number)
      step('count.begin', this.key)
      await lease.note(counted)
      step('count.done', this.key)

      // In one synchronous step: the lease is still ours, young enough to end before anybody may rob it, and the call.
      if (!lease.held()) return await this.#leave(lease)
      if (lease.age() > this.config.timeout * 500) return await this.#leaveLate(lease, ledger, patience)
      step('fetch.call', this.key)
      run = this.#run(lease, goal, again)
    } catch (error) {
      await lease.release()
      throw error
    }
    try {
      return await this.#commit(lease, goal, counted, again, await run.answer)
    } catch (error) {
      step('fetch.failed', this.key)
      this.#expectLate(run, lease.number, again)
      try {
        if (!lease.held()) return undefined
        const failure = failureOf(this.key, error)
        const noted = run.stoodStill() ? counted : ledgerAfterFailure(counted, failure)
        if (noted !== counted) await lease.note(noted)
        if (noted.failure === counted.failure) throw unrecordedError(this.key, failure, error)
        throw recordedError(this.key, noted.failure!, error)
      } finally {
        await lease.release()
      }
    }
  }

  #run(lease: Lease, goal: Goal, previous: DogRecord | undefined): Run {
    const { key, config, around } = this
    const { timeout, ahead } = config
    const warn = (code: string, message: string) => around.warn(key, code, message)
    const task = { key, fetcher: config.fetcher!, timeout, ahead, previous: copyOf(previous?.value), reason: goal.reason }
    return runFetcher({ ...task, links: around.links, warn }, lease)
  }

  /** Commits the answer. A rename that fails is not a failed fetch: the value is served, and written when it can be. */
  async #commit(
    lease: Lease,
    goal: Goal,
    counted: Ledger,
    previous: DogRecord | undefined,
    answer: Answer,
  ): Promise<DogRecord> {
    step('fetch.answered', this.key)
    const ms = lease.age()
    const record = this.recordOf(answer, lease.number, previous)
    let committed: boolean
    try {
      const ledger = ledgerAfter(counted, goal, previous, record)
      // The value counts for more than the ledger: it is committed all the same.
      if (ledger !== counted) await lease.note(ledger).catch((error) => this.#warn(error))
      committed = await lease.commit(record)
    } catch (error) {
      const kept = this.#keep(record, error)
      await lease.release().catch(() => {})
      return kept
    }
    // Robbed: somebody took us for dead, or our time was over. The value may still be the upstream's newest.
    if (!committed) return await this.#commitLate(record)
    this.adopt(record)
    this.around.refreshed(this.key, record, goal.reason, ms, false)
    return record
  }

  /** A value that comes after its time-out is not thrown away: the upstream may have rotated, and then only it is good. */
  #expectLate(run: Run, number: number, previous: DogRecord | undefined): void {
    run.late
      .then((answer) => (answer === undefined ? undefined : this.#commitLate(this.recordOf(answer, number, previous))))
      .catch((error) => this.#warn(error))
  }

  #warn(error: unknown): void {
    const { code, message } = failureOf(this.key, error)
    this.around.warn(this.key, code, message)
  }

  /** Stores a value under a new lease, unless there is one of a later-drawn number. Returns the newer of both. */
  async #commitLate(record: DogRecord): Promise<DogRecord> {
    try {
      for (;;) {
        // Also while the dog closes: the fetch is let finish.
        const newest = await this.#commitUnder(await this.lease(new AbortController().signal), record)
        if (newest !== undefined) return newest
      }
    } catch (error) {
      return this.#keep(record, error)
    }
  }

  /** What the store does not take lives on in memory, and is written when it can be. Returns the newer of both. */
  #keep(record: DogRecord, error: unknown): DogRecord {
    const { message } = failureOf(this.key, error)
    this.around.warn(this.key, 'ERR_DOG_STORE', `The new value of "${this.key}" is not stored yet: ${message}`)
    return this.memory.keep(record)
  }

  /** Undefined: robbed. */
  async #commitUnder(lease: Lease, record: DogRecord): Promise<DogRecord | undefined> {
    try {
      const newest = await this.read()
      if (newest !== undefined && newest.generation >= record.generation && newest !== this.memory.unwritten) return newest
      if (!(await lease.commit(record))) return undefined
      this.adopt(record)
      this.around.refreshed(this.key, record, 'missing', lease.age(), true)
      return record
    } finally {
      await lease.release()
    }
  }

  /** Writes the value that the store could not take, unless somebody else is at work there. */
  async writeUnwritten(): Promise<void> {
    const record = this.memory.unwritten
    const lease = record && (await this.store.take(this.key, this.config.timeout))
    if (lease !== undefined) await this.#commitUnder(lease, record!)
  }

  /** The lease, when it is to be had. For writes that are no fetch. */
  async lease(deadline: AbortSignal): Promise<Lease> {
    for (;;) {
      const lease = await this.store.take(this.key, this.config.timeout)
      if (lease !== undefined) return lease
      const record = await this.store.read(this.key)
      if ((await this.store.holder?.(this.key)) === undefined) await pause(BREATH)
      await this.store.settled(this.key, record?.generation, deadline)
      deadline.throwIfAborted()
    }
  }

  /** Whether a number as late as the lease's was used since it was drawn: then it orders nothing, and another is drawn. */
  async isPassed(lease: Lease): Promise<boolean> {
    const ledger = await this.store.ledger(this.key)
    const record = await this.store.read(this.key)
    return Math.max(record?.generation ?? 0, ledger?.fetches.last ?? 0) >= lease.number
  }

  /** Half of the time-out went by before the fetch began: it is not begun, and not counted. */
  async #leaveLate(lease: Lease, ledger: Ledger | undefined, patience: { slow: number }): Promise<undefined> {
    const { since = now(), count = 0 } = ledger?.fetches ?? {}
    await lease.note({ ...ledger, fetches: { since, count, last: lease.number } })
    await lease.release()
    if (++patience.slow < PATIENCE) return undefined
    const problem = `takes over half of the time-out (${this.config.timeout} s) to be ready for a fetch`
    throw storeError(this.store.path?.(this.key) ?? this.store.name, problem, undefined, this.key)
  }

  async #leave(lease: Lease): Promise<undefined> {
    await lease.release()
    return undefined
  }

  recordOf(answer: Answer, generation: number, previous: DogRecord | undefined): DogRecord {
    const { identity } = this.config
    const by = `${hostname()}:${process.pid}`
    return { ...unknownFields(previous), key: this.key, ...answer, generation, ...(identity !== undefined && { identity }), by }
  }

  adopt(found: DogRecord | undefined): DogRecord | undefined {
    if (found !== undefined && found !== this.memory.record) checkClaim(found, this.store, this.config)
    const { record, changed } = this.memory.adopt(found)
    if (changed) this.around.changed(this.key, record)
    return record
  }
}
