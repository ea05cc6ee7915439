import type { DogRecord, Lease, Ledger } from '../../../index.js'
import { dependencyFailure, errorOfDependent } from '../model/dependency-failure.js'
import { DogError, storeError } from '../model/errors.js'
import { describeFailure, recordedError, unrecordedError } from '../model/failure.js'
import type { FetchResult } from '../model/fetch-result.js'
import { withAttempt, withoutAttempt } from '../model/quota.js'
import { now, pause, takingTurns } from '../shared/clock.js'
import { failpoint } from '../shared/failpoint.js'
import { denial, ledgerAfterFailure, ledgerAfterSuccess, newFailureSince } from './admission.js'
import { commitLate, commitLateAnswer } from './late-commit.js'
import { copyOf } from './memory.js'
import type { Requirement } from './requirement.js'
import { type FetcherRun, runFetcher } from './run-fetcher.js'
import { RunningFetch } from './running-fetch.js'
import { RETRY_DELAY_MS, type StoredKey } from './stored-key.js'

/**
 * After this many consecutive fetches that could not start in time, blame the store rather than a busy
 * machine.
 */
const MAX_SLOW_STARTS = 3

/** After this many consecutive fetches during which the key was removed, blame the fetcher. */
const MAX_REMOVALS = 3

/** How often one `resolve` had to start over, in a row. */
interface Restarts {
  /** Fetches that could not start in time. */
  slowStarts: number
  /** Fetches during which this process removed the key. */
  removals: number
}

/**
 * One fetch for all processes. The whole algorithm of a key:
 *
 *     read → (good enough?) → take the lease → read again → count the attempt → fetch → commit
 *
 * If another process has the lease: wait until the record or the lease changes, and start over.
 * It knows stores only by their contract.
 */
export class FetchCoordinator {
  constructor(readonly stored: StoredKey) {}

  /**
   * Gets a record that meets the requirement, by a fetch of this process or of another.
   *
   * @param waits false for a background refresh: resolves to undefined if another process is fetching
   * @param deadline aborts when the callers' time is over
   */
  async resolve(requirement: Requirement, waits: boolean, deadline: AbortSignal): Promise<DogRecord | undefined> {
    const { stored } = this
    const { key, store, memory } = stored
    if (store.refresh !== undefined) return await this.#refreshElsewhere(requirement, deadline)
    const initial = await stored.read()
    const initialLedger = await store.readLedger(key)
    const restarts: Restarts = { slowStarts: 0, removals: 0 }
    const takeTurn = takingTurns()
    let isWaitReported = false
    for (let round = 0, record = initial, brought: DogRecord | undefined; ; round++, record = await stored.read(brought)) {
      brought = undefined
      // In a slow folder a round can be one long stretch, during which the timer of the deadline waits.
      await takeTurn()
      deadline.throwIfAborted()
      const isNew = record?.generation !== initial?.generation
      if (record !== undefined && (isNew || requirement.acceptsCurrent(record, now()))) return record
      const ledger = round === 0 ? initialLedger : await store.readLedger(key)
      const failure = await newFailureSince(key, stored.config, ledger, initialLedger)
      if (failure !== undefined) throw failure

      const denied = await denial(key, stored.config, requirement, ledger)
      const lease = denied === undefined ? await stored.acquire() : undefined
      if (lease !== undefined) {
        const fetched = await this.#fetchUnderLease(lease, requirement, initial, restarts)
        if (fetched !== undefined) return fetched
        continue
      }
      const holder = await store.holder?.(key)
      if (denied !== undefined && holder === undefined) {
        // A fetch may have ended between the first read and this one: then the denial is out of date.
        if ((await stored.read())?.generation === record?.generation) throw denied
        continue
      }
      if (!waits) return undefined
      // Nobody holds the lease and we did not get it: a race just lost, or a store that contradicts itself.
      if (holder === undefined) await pause(RETRY_DELAY_MS)
      if (!isWaitReported) stored.environment.events.onWaiting(key, holder?.name)
      isWaitReported = true
      brought = (await store.waitForChange(key, memory.storedVersionOf(record)?.generation, deadline)) ?? undefined
    }
  }

  /** Asks a store whose values are fetched elsewhere. */
  async #refreshElsewhere(requirement: Requirement, deadline: AbortSignal): Promise<DogRecord | undefined> {
    const { stored } = this
    const { rejected, after, force } = requirement
    const known = stored.memory.record
    const record = await stored.store.refresh!(stored.key, { force, after, rejected }, deadline)
    // A record that does not meet the requirement is asked for again by the caller that waits.
    if (record.generation === known?.generation) await pause(RETRY_DELAY_MS)
    return stored.adopt(record)
  }

  /** Reads again, counts, fetches and commits. Undefined: the lease was released or lost, start over. */
  async #fetchUnderLease(
    lease: Lease,
    requirement: Requirement,
    initial: DogRecord | undefined,
    restarts: Restarts,
  ): Promise<DogRecord | undefined> {
    const { stored } = this
    const { key, store, environment } = stored
    if (lease.evicted !== undefined) environment.events.onTakeover(key, lease.evicted)
    let ledger: Ledger | undefined
    let counted: Ledger
    let run: FetcherRun
    let current: DogRecord | undefined
    const running = new RunningFetch(stored, lease)
    try {
      // Read again: another process may have fetched between the first read and the take. Without this, two fetches.
      current = await stored.read()
      failpoint('again.read', key)
      const isNew = current !== undefined && current.generation !== initial?.generation
      const isGoodEnough = isNew || (current !== undefined && requirement.acceptsCurrent(current, now()))
      if (isGoodEnough || (await stored.isFencingTokenUsed(lease))) return await release(lease)
      ledger = await store.readLedger(key)
      const denied = await denial(key, stored.config, requirement, ledger)
      if (denied !== undefined) throw denied

      counted = withAttempt(ledger, now(), stored.config.window, lease.fencingToken)
      failpoint('count.begin', key)
      await lease.writeLedger(counted)
      failpoint('count.done', key)

      // In one synchronous step: the lease is still ours, it is young enough to end before anybody may take
      // it over, and the fetcher is called.
      if (!lease.isHeld()) return await release(lease)
      if (lease.ageMs() > stored.config.timeout * 500) return await this.#giveUpSlowStart(lease, ledger, restarts)
      failpoint('fetch.call', key)
      run = this.#run(running, requirement, current)
    } catch (error) {
      await lease.release()
      throw error
    }
    try {
      const replacement = await running.untilReplacedOrEnded(run.answer)
      if (replacement !== undefined) return replacement
      const result = await run.answer
      if (running.written !== undefined && ++restarts.removals === MAX_REMOVALS) throw removedError(key)
      // What was removed during its fetch is discarded. A lease that was taken again is not the commit's.
      if (running.written !== undefined || running.lease !== lease) await running.lease?.release()
      if (running.written !== undefined) return undefined
      return await this.#commit(lease, requirement, counted, current, result)
    } catch (error) {
      failpoint('fetch.failed', key)
      commitLateAnswer(stored, run, lease.fencingToken, current)
      try {
        const wasRemoved = running.written !== undefined
        if (!running.lease?.isHeld() && (!wasRemoved || running.signal.aborted)) return undefined
        const dependency = run.wasDependencyUsed() ? undefined : dependencyFailure(key, error)
        if (dependency !== undefined) {
          if (!wasRemoved) await running.lease?.writeLedger(withoutAttempt(ledger, now(), lease.fencingToken))
          throw errorOfDependent(key, error, dependency)
        }
        const failure = describeFailure(key, error)
        const before = wasRemoved ? ((await store.readLedger(key)) ?? counted) : counted
        const after = run.wasSuspended() ? before : ledgerAfterFailure(before, failure)
        if (after !== before) await running.lease?.writeLedger(after)
        const isRecorded = after.failure !== before.failure && running.lease !== undefined
        const failed = isRecorded ? recordedError(key, after.failure!, error) : unrecordedError(key, failure, error)
        environment.events.onFailed(key, failed)
        throw failed
      } finally {
        await running.lease?.release()
      }
    }
  }

  #run(running: RunningFetch, { reason }: Requirement, previous: DogRecord | undefined): FetcherRun {
    const { stored } = this
    const { key, config, environment } = stored
    const callsBefore = stored.waitingCalls
    // Before the call: the fetcher may write in its synchronous part.
    stored.runningFetch = running
    return runFetcher(
      {
        key,
        fetcher: config.fetcher!,
        timeout: config.timeout,
        refreshAhead: config.refreshAhead,
        previous: copyOf(previous?.value),
        reason,
        keys: environment.keys,
        wasAskedMeanwhile: () => stored.waitingCalls > callsBefore,
        onWarning: (code, message) => environment.events.onWarning(key, code, message),
      },
      running,
    )
  }

  /**
   * Commits the answer. Resolves to undefined if the key was removed meanwhile. A commit that fails is no failed
   * fetch: the value is served, and written when the store takes it.
   */
  async #commit(
    lease: Lease,
    requirement: Requirement,
    counted: Ledger,
    previous: DogRecord | undefined,
    result: FetchResult,
  ): Promise<DogRecord | undefined> {
    const { stored } = this
    failpoint('fetch.answered', stored.key)
    const durationMs = lease.ageMs()
    const record = stored.recordOf(result, lease.fencingToken, previous)
    stored.checkArrival(record)
    let isCommitted: boolean
    try {
      const ledger = ledgerAfterSuccess(counted, requirement, previous, record)
      // The value counts for more than the ledger: it is committed even if the ledger cannot be written.
      if (ledger !== counted) await lease.writeLedger(ledger).catch((error) => stored.warn(error))
      isCommitted = await lease.commit(record)
    } catch (error) {
      const kept = stored.keepUnwritten(record, error)
      await lease.release().catch(() => {})
      return kept
    }
    // Evicted: another process took us for dead, or our time was over. The value may still be the upstream's newest.
    if (!isCommitted) return await commitLate(stored, record, { isRecent: durationMs < stored.config.timeout * 1000 })
    stored.adopt(record)
    stored.environment.events.onRefreshed(stored.key, record, requirement.reason, durationMs, false)
    return record
  }

  /** Half of the time-out went by before the fetch could begin: the fetch is not begun, and not counted. */
  async #giveUpSlowStart(lease: Lease, ledger: Ledger | undefined, restarts: Restarts): Promise<undefined> {
    const { key, store, config } = this.stored
    await lease.writeLedger(withoutAttempt(ledger, now(), lease.fencingToken))
    await lease.release()
    if (++restarts.slowStarts < MAX_SLOW_STARTS) return undefined
    const problem = `takes over half of the time-out (${config.timeout} s) to be ready for a fetch`
    throw storeError(store.path?.(key) ?? store.name, problem, undefined, key)
  }
}

function removedError(key: string): DogError {
  const message = `"${key}" was removed during each of ${MAX_REMOVALS} fetches: does the fetcher remove its own key?`
  return new DogError('ERR_DOG_FETCH', message, { key })
}

async function release(lease: Lease): Promise<undefined> {
  await lease.release()
  return undefined
}
