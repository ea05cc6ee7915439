import type { DogRecord, Expiry, Peeked, RefreshOptions } from '../../../index.js'
import type { FetchCoordinator } from '../fetch/coordinator.js'
import { copyOf } from '../fetch/memory.js'
import { assertIdentity } from '../fetch/ownership.js'
import { anyValid, differentFrom, newerThan, notDue, type Requirement, withMinTtl } from '../fetch/requirement.js'
import { DogError } from '../model/errors.js'
import { checkFetchResult } from '../model/fetch-result.js'
import { type State, stateOf } from '../model/policy.js'
import { monotonic, now, startTimer, stopTimer } from '../shared/clock.js'
import { onAbort } from '../shared/on-abort.js'
import { AutoRefresh, RECHECK_MS } from './auto-refresh.js'
import { writeDirectly } from './direct-write.js'
import { StoreReader } from './store-reader.js'
import { peekedOf, TurnCache } from './turn-cache.js'

/** After losing a background refresh to another process, or failing, none is tried for so many milliseconds. */
const BACKGROUND_RETRY_MS = 250
/** While more than this remains (ms), the clock is read once a turn; below, by every call. */
const AMPLE_LIFETIME_MS = 60_000

/**
 * One key as its callers see it: answers at once from memory where it can, and lets concurrent callers share one flight of
 * the keeper where it cannot. It knows nothing of leases and ledgers.
 */
export class KeyHandle extends TurnCache {
  #coordinator: FetchCoordinator
  /** Of those keys only that refresh by themselves: of the others there may be many. */
  #autoRefresh: AutoRefresh | undefined
  #reader: StoreReader
  #inFlight: { result: Promise<DogRecord | undefined>; force: boolean } | undefined
  /** Flights of the keepers before. */
  #replacedRuns: Promise<unknown> | undefined
  #noRefreshBefore = 0
  /** The last warning of a background refresh. */
  #lastWarning = ''

  constructor(keeper: FetchCoordinator) {
    super()
    this.#coordinator = keeper
    this.#reader = new StoreReader(keeper)
    keeper.memory.cache = this
  }

  get coordinator(): FetchCoordinator {
    return this.#coordinator
  }

  /** Another keeper from now on. What is under way ends with the one before, and nobody joins it any more. */
  replaceCoordinator(keeper: FetchCoordinator): void {
    this.#replacedRuns = this.#runsEnded()
    this.#inFlight = undefined
    this.#coordinator = keeper
    this.#reader = new StoreReader(keeper)
    keeper.memory.cache = this
    this.clear()
  }

  get(minTtl = 0, signal?: AbortSignal): Promise<unknown> {
    try {
      const time = now()
      const record = this.#reader.read(time)
      if (record instanceof Promise) {
        const since = monotonic()
        return record.then((found) => this.#answer(found, now(), minTtl, signal, since))
      }
      return this.#answer(record, time, minTtl, signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** `since`: monotonic milliseconds at which a look began that took its time. */
  #answer(record: DogRecord | undefined, time: number, minTtl: number, signal?: AbortSignal, since?: number): Promise<unknown> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    const state = record === undefined ? 'expired' : stateOf(record, time)
    if (record !== undefined && state !== 'expired' && record.expiresAt - time >= minTtl * 1000) {
      return this.#serve(record, time, state)
    }
    return minTtl > 0 ? this.#waitForMinTtl(record, minTtl, signal, since) : this.#wait(anyValid(record), signal, since)
  }

  #serve(record: DogRecord, time: number, state: State): Promise<unknown> {
    if (state === 'due') this.#refreshInBackground()
    const value = copyOf(record.value)
    const answer = Promise.resolve(value)
    if (record.expiresAt - time > AMPLE_LIFETIME_MS && value === record.value) this.put(record, answer)
    return answer
  }

  async #waitForMinTtl(
    record: DogRecord | undefined,
    minTtl: number,
    signal?: AbortSignal,
    since = monotonic(),
  ): Promise<unknown> {
    try {
      return await this.#wait(withMinTtl(record, minTtl, await this.#newestFencingToken(record), now()), signal, since)
    } catch (error) {
      // A failure serves a still-valid value; the caller's own abort does not.
      if (signal?.aborted || record === undefined || stateOf(record, now()) === 'expired') throw error
      return copyOf(record.value)
    }
  }

  peek(): Peeked<unknown> | undefined {
    const hot = this.getPeeked()
    if (hot !== undefined) return hot
    const time = now()
    let record: DogRecord | undefined | Promise<DogRecord | undefined>
    try {
      record = this.#reader.read(time)
    } catch {
      return undefined
    }
    if (record instanceof Promise) {
      // What a database says is known here a moment later.
      record.catch(() => {})
      record = this.coordinator.memory.record
    }
    if (record === undefined || stateOf(record, time) === 'expired') return undefined
    // An object is copied for each caller.
    if (record.expiresAt - time > AMPLE_LIFETIME_MS && typeof record.value !== 'object') this.put(record)
    return peekedOf(record)
  }

  async refresh({ rejected, force = false }: RefreshOptions<unknown> = {}): Promise<unknown> {
    const { key } = this.coordinator
    // The store is read first, never memory alone.
    const record = await this.coordinator.read()
    const after = await this.#newestFencingToken(record)
    const requirement =
      rejected === undefined ? newerThan(after, force) : differentFrom(key, JSON.stringify(rejected), after, force)
    if (rejected !== undefined && record !== undefined && requirement.acceptsCurrent(record, now())) return copyOf(record.value)
    try {
      return await this.#wait(requirement)
    } catch (error) {
      // A goal knows no ledger, which says until when nobody asks again.
      const rejected = error instanceof DogError && error.code === 'ERR_DOG_REJECTED' && error.retryAt === undefined
      const retryAt = rejected ? (await this.coordinator.store.readLedger(key))?.failure?.retryAt : undefined
      throw retryAt === undefined ? error : new DogError('ERR_DOG_REJECTED', (error as DogError).message, { key, retryAt })
    }
  }

  /** The number of the newest fetch that was begun, as far as can be told. */
  async #newestFencingToken(record: DogRecord | undefined): Promise<number> {
    const { store, key } = this.coordinator
    return Math.max(record?.generation ?? 0, (await store.holder?.(key))?.fencingToken ?? 0)
  }

  async set(value: unknown, expiry: Expiry): Promise<void> {
    const { key, config } = this.coordinator
    let answer: ReturnType<typeof checkFetchResult>
    try {
      answer = checkFetchResult(
        key,
        { value, expiresIn: expiry?.expiresIn, expiresAt: expiry?.expiresAt },
        now(),
        config.refreshAhead,
      )
    } catch (error) {
      throw new TypeError(`set("${key}"): ${(error as Error).message.replace(/^.*?answer: /, '')}`)
    }
    await this.#commitDirectly(async (number) => this.coordinator.recordOf(answer, number, await this.#recordToReplace()))
  }

  async remove(): Promise<boolean> {
    let existed = false
    await this.#commitDirectly(async () => {
      // Also one that an earlier try has removed.
      existed ||= (await this.#recordToReplace()) !== undefined
      return undefined
    })
    return existed
  }

  /** What a write is about to replace: also what no key opens, but never another account's. */
  async #recordToReplace(): Promise<DogRecord | undefined> {
    const { key, store, memory, config } = this.coordinator
    const found = memory.unwritten ?? (await store.read(key))
    if (found !== undefined) assertIdentity(found, store, config.identity)
    return found
  }

  async #commitDirectly(make: (number: number) => Promise<DogRecord | undefined>): Promise<void> {
    const deadline = this.#abortAtDeadline(true, this.coordinator.hooks.closing())
    try {
      this.#reader.confirm(await writeDirectly(this.coordinator, deadline.signal, make))
    } finally {
      deadline.end()
    }
  }

  /** Reads the store again. `isTold`: because a watcher saw a change. */
  async reread(isTold = false): Promise<void> {
    const { memory, key } = this.coordinator
    const wasKnown = memory.isKnown
    this.#reader.invalidate()
    const record = await this.#reader.read(now())
    // The first look shows no change; a watcher knows that there was one.
    if (isTold && !wasKnown) this.coordinator.hooks.onChanged(key, record)
  }

  /** Starts, moves or ends the refresh that nobody asks for, after the options or the value changed. */
  scheduleRefresh(): void {
    if (this.coordinator.config.autoRefresh) this.#autoRefresh ??= this.#makeAutoRefresh()
    // A value that is over already is not fetched in a loop.
    this.#autoRefresh?.schedule(
      this.coordinator.memory.record !== undefined && this.#msUntilDue() === undefined ? RECHECK_MS : 0,
    )
  }

  #makeAutoRefresh(): AutoRefresh {
    return new AutoRefresh({
      isEnabled: () => {
        const { autoRefresh, followOnly, fetcher } = this.coordinator.config
        return autoRefresh && !followOnly && fetcher !== undefined && !this.coordinator.hooks.closing().aborted
      },
      msUntilDue: () => this.#msUntilDue(),
      refreshIfDue: () => this.#refreshIfDue(),
    })
  }

  #msUntilDue(): number | undefined {
    const { record } = this.coordinator.memory
    const time = now()
    if (record === undefined) return undefined
    const state = stateOf(record, time)
    if (state === 'expired') return undefined
    // Also one from the future, whose own times are a wrong clock's.
    return state === 'due' ? 0 : record.expiresAt - record.ahead * 1000 - time
  }

  async #refreshIfDue(): Promise<number> {
    await this.reread()
    const { memory } = this.coordinator
    if (memory.record === undefined) return RECHECK_MS
    if (stateOf(memory.record, now()) === 'fresh') return 0
    const isFetched = await this.#refreshInBackground(true)
    return isFetched && this.#msUntilDue() === undefined
      ? RECHECK_MS
      : Math.max(BACKGROUND_RETRY_MS, this.#noRefreshBefore - monotonic())
  }

  /** Ends what would go on by itself. The fetch under way is let finish. */
  async close(): Promise<void> {
    this.#autoRefresh?.stop()
    this.clear()
    await this.#runsEnded()
  }

  #runsEnded(): Promise<unknown> {
    return Promise.all([this.#replacedRuns, this.#inFlight?.result.catch(() => {})])
  }

  /** One process refreshes, and nobody waits for it; its failure is a warning. Resolves to whether there is a new value. */
  async #refreshInBackground(always = false): Promise<boolean> {
    const { key, config } = this.coordinator
    if (this.#inFlight !== undefined || config.fetcher === undefined || config.followOnly) return false
    if (!always && monotonic() < this.#noRefreshBefore) return false
    try {
      if ((await this.#start(notDue, false)) !== undefined) return true
      this.#noRefreshBefore = monotonic() + BACKGROUND_RETRY_MS
    } catch (error) {
      const { code, message, retryAt = 0 } = error as DogError
      // All processes obey it: asking again before would only say the same again.
      this.#noRefreshBefore = monotonic() + Math.min(RECHECK_MS, Math.max(BACKGROUND_RETRY_MS, retryAt - now()))
      const said = `${code} ${message} ${retryAt}`
      if (said !== this.#lastWarning) this.coordinator.hooks.onWarning(key, code, message)
      this.#lastWarning = said
    }
    return false
  }

  /** Waits until a flight lands with what the goal wants. Keeps the process alive. */
  async #wait(requirement: Requirement, signal?: AbortSignal, since?: number): Promise<unknown> {
    const deadline = this.#deadline(true, signal, since)
    try {
      for (;;) {
        const { result: landing, force } = this.#inFlight ?? {
          result: this.#start(requirement, true),
          force: requirement.force,
        }
        const landed = landing.catch(force || !requirement.force ? isOverdue : () => undefined)
        const record = await Promise.race([deadline.passed, landed])
        if (record !== undefined && (requirement.acceptsCurrent(record, now()) || requirement.acceptsCommitted(record)))
          return copyOf(record.value)
      }
    } finally {
      deadline.end()
    }
  }

  #start(requirement: Requirement, waits: boolean): Promise<DogRecord | undefined> {
    const { coordinator: keeper } = this
    const deadline = this.#abortAtDeadline(false, keeper.hooks.closing())
    const result = keeper.resolve(requirement, waits, deadline.signal).finally(() => {
      deadline.end()
      if (this.#coordinator === keeper) this.#inFlight = undefined
      this.#reader.invalidate()
      this.scheduleRefresh()
    })
    // Its callers may all have left.
    result.catch(() => {})
    this.#inFlight = { result: result, force: requirement.force }
    return result
  }

  /** A signal that aborts then. */
  #abortAtDeadline(keepsAlive: boolean, other: AbortSignal): { signal: AbortSignal; end(): void } {
    const aborter = new AbortController()
    const { passed, end } = this.#deadline(keepsAlive, other)
    passed.catch((reason) => aborter.abort(reason))
    return { signal: aborter.signal, end }
  }

  /** Rejects when the time of a call is over, or when `other` aborts. */
  #deadline(keepsAlive: boolean, other?: AbortSignal, since = monotonic()): { passed: Promise<never>; end(): void } {
    const { key } = this.coordinator
    const seconds = this.maxWaitSeconds
    const left = Math.max(1, seconds * 1000 - (monotonic() - since))
    let pass!: (reason: unknown) => void
    const passed = new Promise<never>((_, reject) => (pass = reject))
    const message = `No value of "${key}" came within ${seconds} s (twice its time-out and 2 s)`
    const timer = startTimer(() => pass(new DogError('ERR_DOG_WAIT_TIMEOUT', message, { key })), left)
    if (!keepsAlive) timer.unref()
    const leave = () => pass(other!.reason)
    if (other?.aborted) leave()
    const unfollow = other && onAbort(other, leave)
    const end = () => {
      stopTimer(timer)
      unfollow?.()
    }
    return { passed, end }
  }

  /** Seconds a `get` may take. */
  get maxWaitSeconds(): number {
    return 2 * this.coordinator.config.timeout + 2
  }
}

/** The time of a flight that was joined late is not its caller's: that one starts another. */
function isOverdue(error: DogError): undefined {
  if (error.code !== 'ERR_DOG_WAIT_TIMEOUT') throw error
}
