import type { DogRecord, Expiry, Peeked, RefreshOptions } from '../../../index.js'
import type { Keeper } from '../fetch/coordinator.js'
import { copyOf } from '../fetch/memory.js'
import { checkIdentity } from '../fetch/ownership.js'
import { type Goal, wantFresh, wantLonger, wantNew, wantOther, wantValid } from '../fetch/requirement.js'
import { DogError } from '../model/errors.js'
import { checkAnswer } from '../model/fetch-result.js'
import { type State, stateOf } from '../model/policy.js'
import { monotonic, now, startTimer, stopTimer } from '../shared/clock.js'
import { follow } from '../shared/on-abort.js'
import { AutoRefresh, LOOK } from './auto-refresh.js'
import { write } from './direct-write.js'
import { Recheck } from './store-reader.js'
import { Hot, peekedOf } from './turn-cache.js'

/** After losing a background refresh to another process, or failing, none is tried for so many milliseconds. */
const QUIET = 250
/** While more than this remains (ms), the clock is read once a turn; below, by every call. */
const AMPLE = 60_000

/**
 * One key as its callers see it: answers at once from memory where it can, and lets concurrent callers share one flight of
 * the keeper where it cannot. It knows nothing of leases and ledgers.
 */
export class Entry extends Hot {
  #keeper: Keeper
  /** Of those keys only that refresh by themselves: of the others there may be many. */
  #auto: AutoRefresh | undefined
  #recheck: Recheck
  #flight: { landing: Promise<DogRecord | undefined>; force: boolean } | undefined
  /** Flights of the keepers before. */
  #ending: Promise<unknown> | undefined
  #quietUntil = 0
  /** The last warning of a background refresh. */
  #said = ''

  constructor(keeper: Keeper) {
    super()
    this.#keeper = keeper
    this.#recheck = new Recheck(keeper)
    keeper.memory.hot = this
  }

  get keeper(): Keeper {
    return this.#keeper
  }

  /** Another keeper from now on. What is under way ends with the one before, and nobody joins it any more. */
  renew(keeper: Keeper): void {
    this.#ending = this.#ended()
    this.#flight = undefined
    this.#keeper = keeper
    this.#recheck = new Recheck(keeper)
    keeper.memory.hot = this
    this.cool()
  }

  get(minTtl = 0, signal?: AbortSignal): Promise<unknown> {
    try {
      const time = now()
      const record = this.#recheck.current(time)
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
    return minTtl > 0 ? this.#waitLonger(record, minTtl, signal, since) : this.#wait(wantValid(record), signal, since)
  }

  #serve(record: DogRecord, time: number, state: State): Promise<unknown> {
    if (state === 'due') this.#refreshBehind()
    const value = copyOf(record.value)
    const answer = Promise.resolve(value)
    if (record.expiresAt - time > AMPLE && value === record.value) this.heat(record, answer)
    return answer
  }

  async #waitLonger(
    record: DogRecord | undefined,
    minTtl: number,
    signal?: AbortSignal,
    since = monotonic(),
  ): Promise<unknown> {
    try {
      return await this.#wait(wantLonger(record, minTtl, await this.#newest(record), now()), signal, since)
    } catch (error) {
      // A failure serves a still-valid value; the caller's own abort does not.
      if (signal?.aborted || record === undefined || stateOf(record, now()) === 'expired') throw error
      return copyOf(record.value)
    }
  }

  peek(): Peeked<unknown> | undefined {
    const hot = this.hotPeek()
    if (hot !== undefined) return hot
    const time = now()
    let record: DogRecord | undefined | Promise<DogRecord | undefined>
    try {
      record = this.#recheck.current(time)
    } catch {
      return undefined
    }
    if (record instanceof Promise) {
      // What a database says is known here a moment later.
      record.catch(() => {})
      record = this.keeper.memory.record
    }
    if (record === undefined || stateOf(record, time) === 'expired') return undefined
    // An object is copied for each caller.
    if (record.expiresAt - time > AMPLE && typeof record.value !== 'object') this.heat(record)
    return peekedOf(record)
  }

  async refresh({ stale, force = false }: RefreshOptions<unknown> = {}): Promise<unknown> {
    const { key } = this.keeper
    // The store is read first, never memory alone.
    const record = await this.keeper.read()
    const after = await this.#newest(record)
    const goal = stale === undefined ? wantNew(after, force) : wantOther(key, JSON.stringify(stale), after, force)
    if (stale !== undefined && record !== undefined && goal.accepts(record, now())) return copyOf(record.value)
    try {
      return await this.#wait(goal)
    } catch (error) {
      // A goal knows no ledger, which says until when nobody asks again.
      const rejected = error instanceof DogError && error.code === 'ERR_DOG_REJECTED' && error.retryAt === undefined
      const retryAt = rejected ? (await this.keeper.store.ledger(key))?.failure?.retryAt : undefined
      throw retryAt === undefined ? error : new DogError('ERR_DOG_REJECTED', (error as DogError).message, { key, retryAt })
    }
  }

  /** The number of the newest fetch that was begun, as far as can be told. */
  async #newest(record: DogRecord | undefined): Promise<number> {
    const { store, key } = this.keeper
    return Math.max(record?.generation ?? 0, (await store.holder?.(key))?.number ?? 0)
  }

  async set(value: unknown, expiry: Expiry): Promise<void> {
    const { key, config } = this.keeper
    let answer: ReturnType<typeof checkAnswer>
    try {
      answer = checkAnswer(key, { value, expiresIn: expiry?.expiresIn, expiresAt: expiry?.expiresAt }, now(), config.ahead)
    } catch (error) {
      throw new TypeError(`set("${key}"): ${(error as Error).message.replace(/^.*?answer: /, '')}`)
    }
    await this.#write(async (number) => this.keeper.recordOf(answer, number, await this.#replaced()))
  }

  async remove(): Promise<boolean> {
    let existed = false
    await this.#write(async () => {
      // Also one that an earlier try has removed.
      existed ||= (await this.#replaced()) !== undefined
      return undefined
    })
    return existed
  }

  /** What a write is about to replace: also what no key opens, but never another account's. */
  async #replaced(): Promise<DogRecord | undefined> {
    const { key, store, memory, config } = this.keeper
    const found = memory.unwritten ?? (await store.read(key))
    if (found !== undefined) checkIdentity(found, store, config.identity)
    return found
  }

  async #write(make: (number: number) => Promise<DogRecord | undefined>): Promise<void> {
    const deadline = this.#aborting(true, this.keeper.around.closing())
    try {
      this.#recheck.done(await write(this.keeper, deadline.signal, make))
    } finally {
      deadline.end()
    }
  }

  /** Reads the store again. `isTold`: because a watcher saw a change. */
  async look(isTold = false): Promise<void> {
    const { memory, key } = this.keeper
    const wasKnown = memory.isKnown
    this.#recheck.expire()
    const record = await this.#recheck.current(now())
    // The first look shows no change; a watcher knows that there was one.
    if (isTold && !wasKnown) this.keeper.around.changed(key, record)
  }

  /** Starts, moves or ends the refresh that nobody asks for, after the options or the value changed. */
  arm(): void {
    if (this.keeper.config.autoRefresh) this.#auto ??= this.#clockwork()
    // A value that is over already is not fetched in a loop.
    this.#auto?.arm(this.keeper.memory.record !== undefined && this.#untilDue() === undefined ? LOOK : 0)
  }

  #clockwork(): AutoRefresh {
    return new AutoRefresh({
      isOn: () => {
        const { autoRefresh, fetch, fetcher } = this.keeper.config
        return autoRefresh && fetch && fetcher !== undefined && !this.keeper.around.closing().aborted
      },
      untilDue: () => this.#untilDue(),
      refresh: () => this.#refreshIfDue(),
    })
  }

  #untilDue(): number | undefined {
    const { record } = this.keeper.memory
    const time = now()
    if (record === undefined) return undefined
    const state = stateOf(record, time)
    if (state === 'expired') return undefined
    // Also one from the future, whose own times are a wrong clock's.
    return state === 'due' ? 0 : record.expiresAt - record.ahead * 1000 - time
  }

  async #refreshIfDue(): Promise<number> {
    await this.look()
    const { memory } = this.keeper
    if (memory.record === undefined) return LOOK
    if (stateOf(memory.record, now()) === 'fresh') return 0
    const isFetched = await this.#refreshBehind(true)
    return isFetched && this.#untilDue() === undefined ? LOOK : Math.max(QUIET, this.#quietUntil - monotonic())
  }

  /** Ends what would go on by itself. The fetch under way is let finish. */
  async close(): Promise<void> {
    this.#auto?.stop()
    this.cool()
    await this.#ended()
  }

  #ended(): Promise<unknown> {
    return Promise.all([this.#ending, this.#flight?.landing.catch(() => {})])
  }

  /** One process refreshes, and nobody waits for it; its failure is a warning. Resolves to whether there is a new value. */
  async #refreshBehind(always = false): Promise<boolean> {
    const { key, config } = this.keeper
    if (this.#flight !== undefined || config.fetcher === undefined || !config.fetch) return false
    if (!always && monotonic() < this.#quietUntil) return false
    try {
      if ((await this.#launch(wantFresh, false)) !== undefined) return true
      this.#quietUntil = monotonic() + QUIET
    } catch (error) {
      const { code, message, retryAt = 0 } = error as DogError
      // All processes obey it: asking again before would only say the same again.
      this.#quietUntil = monotonic() + Math.min(LOOK, Math.max(QUIET, retryAt - now()))
      const said = `${code} ${message} ${retryAt}`
      if (said !== this.#said) this.keeper.around.warn(key, code, message)
      this.#said = said
    }
    return false
  }

  /** Waits until a flight lands with what the goal wants. Keeps the process alive. */
  async #wait(goal: Goal, signal?: AbortSignal, since?: number): Promise<unknown> {
    const deadline = this.#deadline(true, signal, since)
    try {
      for (;;) {
        const { landing, force } = this.#flight ?? { landing: this.#launch(goal, true), force: goal.force }
        const landed = landing.catch(force || !goal.force ? isOverdue : () => undefined)
        const record = await Promise.race([deadline.passed, landed])
        if (record !== undefined && (goal.accepts(record, now()) || goal.acceptsNew(record))) return copyOf(record.value)
      }
    } finally {
      deadline.end()
    }
  }

  #launch(goal: Goal, waits: boolean): Promise<DogRecord | undefined> {
    const { keeper } = this
    const deadline = this.#aborting(false, keeper.around.closing())
    const landing = keeper.attain(goal, waits, deadline.signal).finally(() => {
      deadline.end()
      if (this.#keeper === keeper) this.#flight = undefined
      this.#recheck.expire()
      this.arm()
    })
    // Its callers may all have left.
    landing.catch(() => {})
    this.#flight = { landing, force: goal.force }
    return landing
  }

  /** A signal that aborts then. */
  #aborting(keepsAlive: boolean, other: AbortSignal): { signal: AbortSignal; end(): void } {
    const aborter = new AbortController()
    const { passed, end } = this.#deadline(keepsAlive, other)
    passed.catch((reason) => aborter.abort(reason))
    return { signal: aborter.signal, end }
  }

  /** Rejects when the time of a call is over, or when `other` aborts. */
  #deadline(keepsAlive: boolean, other?: AbortSignal, since = monotonic()): { passed: Promise<never>; end(): void } {
    const { key } = this.keeper
    const seconds = this.bound
    const left = Math.max(1, seconds * 1000 - (monotonic() - since))
    let pass!: (reason: unknown) => void
    const passed = new Promise<never>((_, reject) => (pass = reject))
    const message = `No value of "${key}" came within ${seconds} s (twice its time-out and 2 s)`
    const timer = startTimer(() => pass(new DogError('ERR_DOG_WAIT_TIMEOUT', message, { key })), left)
    if (!keepsAlive) timer.unref()
    const leave = () => pass(other!.reason)
    if (other?.aborted) leave()
    const unfollow = other && follow(other, leave)
    const end = () => {
      stopTimer(timer)
      unfollow?.()
    }
    return { passed, end }
  }

  /** Seconds a `get` may take. */
  get bound(): number {
    return 2 * this.keeper.config.timeout + 2
  }
}

/** The time of a flight that was joined late is not its caller's: that one starts another. */
function isOverdue(error: DogError): undefined {
  if (error.code !== 'ERR_DOG_WAIT_TIMEOUT') throw error
}
