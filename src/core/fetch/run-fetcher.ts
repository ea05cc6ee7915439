import type { FetchContext, Fetcher, Lease, Reason } from '../../../index.js'
import { DogError } from '../model/errors.js'
import { checkFetchResult, describeAnswer, type FetchResult } from '../model/fetch-result.js'
import { monotonic, now } from '../shared/clock.js'
import type { KeyResolver } from './fetch-events.js'
import { PausableTimeout } from './pausable-timeout.js'
import { retryRejected } from './retry-rejected.js'

export interface FetchTask {
  key: string
  fetcher: Fetcher<never>
  /** Seconds. */
  timeout: number
  /** Seconds; undefined: the default for the lifetime. */
  refreshAhead: number | undefined
  previous: unknown
  reason: Reason
  /** The dog's other keys, for a fetcher that depends on one. */
  keys: KeyResolver
  /** Whether this process asked for the key, and waits for it, since the fetcher was called. */
  wasAskedMeanwhile(): boolean
  onWarning(code: string, message: string): void
}

export interface FetcherRun {
  /** The answer. Rejects when the fetcher fails, its time-out is over, or the lease is lost. */
  answer: Promise<FetchResult>
  /** The answer of a fetcher that went on after that. Undefined if it failed, or if `answer` has it. */
  lateAnswer: Promise<FetchResult | undefined>
  /** Whether this process was suspended while it watched the time-out: then a time-out is not the upstream's fault. */
  wasSuspended(): boolean
  /** Whether the fetcher did something with the value of another key, such as a request to its own upstream. */
  wasDependencyUsed(): boolean
}

/**
 * One run of a fetcher, in either style: it returns a promise of a result, or calls its context. The
 * first answer counts. The fetcher is called before this function returns, because the caller has just
 * checked that the lease is held. Knows nothing of stores.
 */
export function runFetcher(task: FetchTask, lease: Pick<Lease, 'ageMs' | 'extend' | 'signal'>): FetcherRun {
  const { key, keys } = task
  const startedAt = monotonic()
  const aborter = new AbortController()
  const outcome = withResolvers<FetchResult>()
  const firstAnswer = withResolvers<FetchResult>()
  let isAnswered = false
  let isTooLate = false
  let wasDependencyUsed = false
  /** What a fetcher returned at once that is no answer. A callback style may return anything by the way. */
  let returnedByTheWay: unknown

  const accept = (result: object) => {
    if (isAnswered) {
      return task.onWarning('ERR_DOG_FETCH_RESULT', `The fetcher of "${key}" answered twice: the second is ignored`)
    }
    isAnswered = true
    try {
      // The lifetime counts from the start of the fetch, by the monotonic clock, which no one can set.
      firstAnswer.resolve(checkFetchResult(key, result, now() - (monotonic() - startedAt), task.refreshAhead))
    } catch (error) {
      firstAnswer.reject(error)
    }
  }
  const fail = (error: unknown) => {
    isAnswered = true
    firstAnswer.reject(error)
  }
  const giveUp = (error: DogError) => {
    isTooLate = true
    outcome.reject(error)
    aborter.abort(error)
  }

  const timeout = new PausableTimeout(task.timeout * 1000 - lease.ageMs(), () => giveUp(timeoutError(task, returnedByTheWay)))
  const onLeaseLost = () => giveUp(new DogError('ERR_DOG_FETCH', `The lease of "${key}" was lost in mid-fetch`, { key }))
  lease.signal.addEventListener('abort', onLeaseLost)

  const whilePaused = async <R>(maxWaitSeconds: number, wait: () => Promise<R>): Promise<R> => {
    if (maxWaitSeconds === 0) return wait()
    timeout.pause()
    try {
      // Other processes must not take this one for overdue while it waits for another key, whose own time-out bounds that.
      await lease.extend(maxWaitSeconds + timeout.remainingMs / 1000)
      return await wait()
    } finally {
      timeout.resume()
    }
  }
  const get = (other: string) =>
    whilePaused(keys.isAvailable(other) ? 0 : keys.maxWaitSeconds(other), () => keys.get(key, other))
  // A rejected value is available, and its refresh is waited for all the same.
  const refresh = (other: string, rejected: unknown) =>
    whilePaused(keys.maxWaitSeconds(other), () => keys.refresh(key, other, rejected))
  const use = (other: string, body: (value: never) => unknown) => {
    const dependency = { get: () => get(other), refresh: (rejected: unknown) => refresh(other, rejected) }
    const task = (value: never) => {
      wasDependencyUsed = true
      return body(value)
    }
    return retryRejected(other, dependency, keys.rejectionTest(other), task)
  }
  const context = Object.defineProperties(
    (value: unknown, expiresIn: unknown = 0, refreshAhead?: unknown) => accept({ value, expiresIn, refreshAhead }),
    {
      key: { value: key, enumerable: true },
      signal: { value: aborter.signal, enumerable: true },
      reason: { value: task.reason, enumerable: true },
      // An accessor: printing the context must not print the value.
      previous: { get: () => task.previous },
      get: { value: get },
      use: { value: use },
    },
  ) as unknown as FetchContext<never>

  const acceptReturned = (result: unknown) => {
    if (isResult(result)) return accept(result)
    // Nothing was returned: the handler will be called. Anything else after an answer is the rest of a callback style's promise.
    if (result === undefined || isAnswered) return
    const message = `The fetcher of "${key}" must answer { value, expiresIn }; it answered ${describeAnswer(result)}`
    fail(new DogError('ERR_DOG_FETCH_RESULT', message, { key }))
  }
  try {
    const returned: unknown = keys.callFetcher(key, () => task.fetcher(context))
    if (isThenable(returned)) Promise.resolve(returned).then(acceptReturned, fail)
    else if (isResult(returned)) accept(returned)
    else returnedByTheWay = returned
  } catch (error) {
    fail(error)
  }

  firstAnswer.promise.then(outcome.resolve, outcome.reject)
  const answer = outcome.promise.finally(() => {
    timeout.cancel()
    lease.signal.removeEventListener('abort', onLeaseLost)
  })
  const lateAnswer = firstAnswer.promise.then(
    (result) => (isTooLate ? result : undefined),
    () => undefined,
  )
  return { answer, lateAnswer, wasSuspended: () => timeout.wasSuspended, wasDependencyUsed: () => wasDependencyUsed }
}

function timeoutError({ key, timeout, wasAskedMeanwhile }: FetchTask, returned: unknown): DogError {
  const guess = wasAskedMeanwhile()
    ? 'does it wait for its own key, which was asked for meanwhile?'
    : typeof returned === 'object' && returned !== null
      ? `it returned ${describeAnswer(returned)}, which is not { value, expiresIn }`
      : 'forgot to return, or to call the handler?'
  const message = `The fetcher of "${key}" gave no answer within ${timeout} s: ${guess}`
  return new DogError('ERR_DOG_FETCH_TIMEOUT', message, { key })
}

const isResult = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && 'value' in value && !isThenable(value)

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (Object(value) as PromiseLike<unknown>).then === 'function'

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}
