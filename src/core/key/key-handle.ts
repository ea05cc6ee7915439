import type { DogRecord, Expiry, Peeked, RefreshOptions } from '../../../index.js'
import { FetchCoordinator } from '../fetch/coordinator.js'
import { commitUnwritten } from '../fetch/late-commit.js'
import { copyOf } from '../fetch/memory.js'
import { anyValid, differentFrom, newerThan, notDue, type Requirement, withMinTtl } from '../fetch/requirement.js'
import type { StoredKey } from '../fetch/stored-key.js'
import { DogError } from '../model/errors.js'
import { type FetchResult, toFetchResult } from '../model/fetch-result.js'
import { stateOf } from '../model/freshness.js'
import { UnusableResult } from '../model/parse-expiry.js'
import { monotonic, now } from '../shared/clock.js'
import { AutoRefresh, RECHECK_MS } from './auto-refresh.js'
import { BackgroundRefresh } from './background-refresh.js'
import { abortAtDeadline, startDeadline } from './deadline.js'
import { recordToReplace, writeDirectly } from './direct-write.js'
import { joinRun, type SharedRun } from './shared-run.js'
import { StoreReader } from './store-reader.js'
import { peekedOf, TurnCache } from './turn-cache.js'

/** While more than this remains of a value, the clock is read once per tick; below, by every call. */
const AMPLE_LIFETIME_MS = 60_000

/**
 * One key as its callers see it: answers at once from memory where it can, and lets concurrent callers
 * share one run of the coordinator where it cannot. It knows nothing of leases and ledgers.
 */
export class KeyHandle {
  #stored: StoredKey
  #coordinator: FetchCoordinator
  #reader: StoreReader
  readonly #cache = new TurnCache()
  #inFlight: SharedRun | undefined
  /** Runs of coordinators that were replaced. */
  #replacedRuns: Promise<unknown> | undefined
  /** Only of a key that was due once: there may be many keys. */
  #background: BackgroundRefresh | undefined
  /** Only of a key that refreshes by itself: there may be many others. */
  #autoRefresh: AutoRefresh | undefined
  #isForgotten = false

  constructor(stored: StoredKey) {
    this.#stored = stored
    this.#coordinator = new FetchCoordinator(stored)
    this.#reader = new StoreReader(stored)
    stored.memory.onReplaced = () => this.#cache.clear()
  }

  get stored(): StoredKey {
    return this.#stored
  }

  /** Works on another stored key from now on. What is under way ends with the one before, and no caller joins it any more. */
  replaceCoordinator(stored: StoredKey): void {
    this.#replacedRuns = this.#runsEnded()
    this.#inFlight = undefined
    this.#stored = stored
    this.#coordinator = new FetchCoordinator(stored)
    this.#reader = new StoreReader(stored)
    stored.memory.onReplaced = () => this.#cache.clear()
    this.#cache.clear()
  }

  /** The answer of `get` that was given in this tick, if it still stands. */
  cachedAnswer(): Promise<unknown> | undefined {
    return this.#cache.getAnswer()
  }

  get(minTtl = 0, signal?: AbortSignal): Promise<unknown> {
    return this.#obtain(minTtl, signal, (record, time) => this.#serve(record, time), copyOfValue)
  }

  /** The value with its expiry, in one step. */
  read(minTtl = 0, signal?: AbortSignal): Promise<Peeked<unknown>> {
    return this.#obtain(minTtl, signal, async (record) => peekedOf(record), peekedOf)
  }

  /**
   * @param serve answers with a record that is good enough now
   * @param project answers with a record that was waited for
   */
  #obtain<R>(
    minTtl: number,
    signal: AbortSignal | undefined,
    serve: (record: DogRecord, time: number) => Promise<R>,
    project: (record: DogRecord) => R,
  ): Promise<R> {
    const answer = (record: DogRecord | undefined, time: number, startedAt?: number): Promise<R> => {
      if (signal?.aborted) return Promise.reject(signal.reason)
      const state = record === undefined ? 'expired' : stateOf(record, time)
      if (record !== undefined && state !== 'expired' && record.expiresAt - time >= minTtl * 1000) {
        if (state === 'due') this.#refreshInBackground()
        return serve(record, time)
      }
      const waited =
        minTtl > 0 ? this.#waitForMinTtl(record, minTtl, signal, startedAt) : this.#wait(anyValid(record), signal, startedAt)
      return waited.then(project)
    }
    try {
      const time = now()
      const record = this.#reader.read(time)
      if (!(record instanceof Promise)) return answer(record, time)
      const startedAt = monotonic()
      return record.then((found) => answer(found, now(), startedAt))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #serve(record: DogRecord, time: number): Promise<unknown> {
    const value = copyOf(record.value)
    const answer = Promise.resolve(value)
    if (record.expiresAt - time > AMPLE_LIFETIME_MS && value === record.value) this.#cache.put(record, answer)
    return answer
  }

  async #waitForMinTtl(
    record: DogRecord | undefined,
    minTtl: number,
    signal?: AbortSignal,
    startedAt = monotonic(),
  ): Promise<DogRecord> {
    try {
      return await this.#wait(withMinTtl(record, minTtl, await this.#newestFencingToken(record), now()), signal, startedAt)
    } catch (error) {
      // After a failure a still-valid value is served; after the caller's own abort it is not.
      if (signal?.aborted || record === undefined || stateOf(record, now()) === 'expired') throw error
      return record
    }
  }

  peek(): Peeked<unknown> | undefined {
    const cached = this.#cache.getPeeked()
    if (cached !== undefined) return cached
    const time = now()
    let record: DogRecord | undefined | Promise<DogRecord | undefined>
    try {
      record = this.#reader.read(time)
    } catch {
      return undefined
    }
    if (record instanceof Promise) {
      // What a database answers is known here a moment later.
      record.catch(() => {})
      record = this.#stored.memory.record
    }
    if (record === undefined || stateOf(record, time) === 'expired') return undefined
    // An object is copied for each caller.
    if (record.expiresAt - time > AMPLE_LIFETIME_MS && typeof record.value !== 'object') this.#cache.put(record)
    return peekedOf(record)
  }

  async refresh({ rejected, force = false }: RefreshOptions<unknown> = {}): Promise<unknown> {
    const { key, store } = this.#stored
    // The store is read first, never memory alone.
    const record = await this.#stored.read()
    const after = await this.#newestFencingToken(record)
    const isReport = rejected !== undefined
    const requirement = isReport ? differentFrom(key, rejected, after, force) : newerThan(after, force)
    if (isReport && record !== undefined && requirement.acceptsCurrent(record, now())) return copyOfValue(record)
    try {
      return copyOfValue(await this.#wait(requirement))
    } catch (error) {
      // A requirement knows no ledger, which says until when nobody asks again.
      const isBare = error instanceof DogError && error.code === 'ERR_DOG_REJECTED' && error.retryAt === undefined
      const retryAt = isBare ? (await store.readLedger(key))?.failure?.retryAt : undefined
      throw retryAt === undefined ? error : new DogError('ERR_DOG_REJECTED', (error as DogError).message, { key, retryAt })
    }
  }

  /** The fencing token of the newest fetch that was begun, as far as can be told. */
  async #newestFencingToken(record: DogRecord | undefined): Promise<number> {
    const { store, key } = this.#stored
    return Math.max(record?.generation ?? 0, (await store.holder?.(key))?.fencingToken ?? 0)
  }

  async set(value: unknown, expiry: Expiry): Promise<void> {
    const stored = this.#stored
    const given = { value, expiresIn: expiry?.expiresIn, expiresAt: expiry?.expiresAt }
    let result: FetchResult
    try {
      result = toFetchResult(given, now(), stored.config.refreshAhead)
    } catch (error) {
      throw error instanceof UnusableResult ? new TypeError(`set("${stored.key}"): ${error.message}`) : error
    }
    await this.#writeDirectly(async (fencingToken) => stored.recordOf(result, fencingToken, await recordToReplace(stored)))
    // The failure is over for this process, too.
    this.#background = undefined
    this.scheduleRefresh()
  }

  async remove(): Promise<boolean> {
    let existed = false
    await this.#writeDirectly(async () => {
      // True also if an earlier attempt of this call removed it.
      existed ||= (await recordToReplace(this.#stored)) !== undefined
      return undefined
    })
    return existed
  }

  async #writeDirectly(make: (fencingToken: number) => Promise<DogRecord | undefined>): Promise<void> {
    const deadline = abortAtDeadline({ ...this.#bounds, keepsAlive: true, signal: this.#stored.environment.closing() })
    try {
      this.#reader.confirm(await writeDirectly(this.#stored, deadline.signal, make))
    } finally {
      deadline.end()
    }
  }

  /** Reads the store again. `fromWatcher`: because a watcher saw a change. */
  async reread({ fromWatcher }: { fromWatcher: boolean }): Promise<void> {
    const { memory, key, environment } = this.#stored
    const wasKnown = memory.isKnown
    this.#reader.invalidate()
    const record = await this.#reader.read(now())
    // The first read shows no change; a watcher knows that there was one.
    if (fromWatcher && !wasKnown) environment.events.onChanged(key, record)
  }

  /** Starts, moves or ends the automatic refresh, after the options or the value changed. */
  scheduleRefresh(): void {
    if (this.#isForgotten) return
    if (this.#stored.config.autoRefresh) this.#autoRefresh ??= this.#makeAutoRefresh()
    // A value that is over already is not fetched in a loop.
    const isOver = this.#stored.memory.record !== undefined && this.#msUntilDue() === undefined
    this.#autoRefresh?.schedule(isOver ? RECHECK_MS : 0)
  }

  #makeAutoRefresh(): AutoRefresh {
    return new AutoRefresh({
      isEnabled: () => {
        const { config, environment } = this.#stored
        return config.autoRefresh && this.#canFetch && !environment.closing().aborted
      },
      msUntilDue: () => this.#msUntilDue(),
      refreshIfDue: () => this.#refreshIfDue(),
    })
  }

  #msUntilDue(): number | undefined {
    const { record } = this.#stored.memory
    const time = now()
    if (record === undefined) return undefined
    const state = stateOf(record, time)
    if (state === 'expired') return undefined
    // A record from the future is due as well: its own times come from a wrong clock.
    return state === 'due' ? 0 : record.expiresAt - record.ahead * 1000 - time
  }

  async #refreshIfDue(): Promise<number> {
    await this.reread({ fromWatcher: false })
    const { record } = this.#stored.memory
    if (record === undefined) return RECHECK_MS
    if (stateOf(record, now()) === 'fresh') return 0
    const isFetched = await this.#refreshInBackground({ isTimed: true })
    return isFetched && this.#msUntilDue() === undefined ? RECHECK_MS : this.#backgroundRefresh.restMs
  }

  /** Ends what would go on by itself. A fetch under way is allowed to finish. */
  async close(): Promise<void> {
    this.#autoRefresh?.stop()
    this.#cache.clear()
    await this.#runsEnded()
  }

  /** The same for good. Resolves when nothing is under way any more; undefined if that is so now. */
  forget(): Promise<unknown> | undefined {
    this.#isForgotten = true
    const ended = this.close()
    const { unwritten } = this.#stored.memory
    // A value that the store could not take is offered once more: nobody else has it.
    if (unwritten !== undefined) return Promise.all([ended, commitUnwritten(this.#stored).catch(() => {})])
    return this.#inFlight === undefined && this.#replacedRuns === undefined ? undefined : ended
  }

  #runsEnded(): Promise<unknown> {
    return Promise.all([this.#replacedRuns, this.#inFlight?.result.catch(() => {})])
  }

  get #canFetch(): boolean {
    const { followOnly, fetcher } = this.#stored.config
    return !followOnly && fetcher !== undefined
  }

  get #backgroundRefresh(): BackgroundRefresh {
    return (this.#background ??= new BackgroundRefresh((error) => {
      const { key, environment } = this.#stored
      environment.events.onUnobserved(key, error)
    }))
  }

  /** One process refreshes, and no caller waits for it. `isTimed`: by the timer, which obeys its own rest. */
  async #refreshInBackground({ isTimed = false } = {}): Promise<boolean> {
    if (this.#inFlight !== undefined || !this.#canFetch) return false
    if (!isTimed && this.#backgroundRefresh.isResting) return false
    return this.#backgroundRefresh.run(() => this.#start(notDue, false).result)
  }

  /** Waits until a run brings what the requirement accepts. Keeps the process alive. */
  async #wait(requirement: Requirement, signal?: AbortSignal, startedAt?: number): Promise<DogRecord> {
    this.#stored.waitingCalls++
    const deadline = startDeadline({ ...this.#bounds, keepsAlive: true, signal, startedAt })
    try {
      for (;;) {
        const run = this.#inFlight ?? this.#start(requirement, true)
        const record = await joinRun(run, requirement.force, deadline)
        if (record === undefined) continue
        if (requirement.acceptsCurrent(record, now()) || requirement.acceptsCommitted(record)) return record
      }
    } finally {
      deadline.end()
    }
  }

  #start(requirement: Requirement, waits: boolean): SharedRun {
    const coordinator = this.#coordinator
    const { key, environment } = this.#stored
    const deadline = abortAtDeadline({ ...this.#bounds, keepsAlive: false, signal: environment.closing() })
    let isOver = false
    const result = coordinator.resolve(requirement, waits, deadline.signal).finally(() => {
      deadline.end()
      isOver = true
      if (this.#coordinator === coordinator) this.#inFlight = undefined
      this.#reader.invalidate()
      this.scheduleRefresh()
    })
    // Its callers may all have left.
    result.catch(() => {})
    const abandon = () => {
      if (isOver || !waits) return
      deadline.abort(new DogError('ERR_DOG_WAIT_TIMEOUT', `No caller waits for "${key}" any more`, { key }))
    }
    const run = { result, force: requirement.force, callers: 0, abandon }
    this.#inFlight = run
    return run
  }

  get #bounds(): { key: string; maxWaitSeconds: number } {
    return { key: this.#stored.key, maxWaitSeconds: this.maxWaitSeconds }
  }

  /** Seconds that a `get` may take. */
  get maxWaitSeconds(): number {
    return 2 * this.#stored.config.timeout + 2
  }
}

const copyOfValue = (record: DogRecord): unknown => copyOf(record.value)
