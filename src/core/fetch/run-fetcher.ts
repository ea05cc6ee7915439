import type { FetchContext, Fetcher, Lease, Reason } from '../../../index.js'
import { DogError } from '../model/errors.js'
import { checkFetchResult, type FetchResult } from '../model/fetch-result.js'
import { monotonic, now, startTimer, stopTimer, type Timer } from '../shared/clock.js'
import { retryRejected } from './retry-rejected.js'

/** Other keys, as the fetcher of one key may ask for them. */
export interface KeyResolver {
  /** Whether a `get` of that key need not wait. */
  isAvailable(key: string): boolean
  /** Seconds for which a call for that key may keep its caller waiting. */
  maxWaitSeconds(key: string): number
  /** `from` waits for the value of `to`. */
  get(from: string, to: string): Promise<unknown>
  refresh(from: string, to: string, rejected: unknown): Promise<unknown>
  rejectionTest(key: string): ((error: unknown) => boolean) | undefined
  /** Calls the fetcher; a `get` that it makes synchronously is its own. */
  callFetcher<R>(key: string, fetcher: () => R): R
}

export interface FetchTask {
  key: string
  fetcher: Fetcher<never>
  /** Seconds. */
  timeout: number
  refreshAhead: number | undefined
  previous: unknown
  reason: Reason
  keys: KeyResolver
  onWarning(code: string, message: string): void
}

export interface FetcherRun {
  /** The answer; rejects when the fetcher fails, its time-out is over, or the lease is lost. */
  answer: Promise<FetchResult>
  /** The answer of a fetcher that went on after that. Undefined if it failed, or if `answer` has it. */
  lateAnswer: Promise<FetchResult | undefined>
  /** Whether this process stood still while it was to watch the time-out: then a time-out is not the upstream's fault. */
  wasSuspended(): boolean
}

/**
 * One run of a fetcher, in either style: it returns a promise of a result, or calls its context. The first answer counts.
 * Calls the fetcher before it returns: the caller has just checked that the lease is held. Knows nothing of stores.
 */
export function runFetcher(task: FetchTask, lease: Lease): FetcherRun {
  const { key, keys: links } = task
  const startedAt = monotonic()
  const aborter = new AbortController()
  const outcome = withResolvers<FetchResult>()
  const firstAnswer = withResolvers<FetchResult>()
  let isAnswered = false
  let isTooLate = false

  const accept = (result: object) => {
    if (isAnswered)
      return task.onWarning('ERR_DOG_FETCH_RESULT', `The fetcher of "${key}" answered twice: the second is ignored`)
    isAnswered = true
    try {
      // The lifetime counts from the start of the fetch, by the clock that nobody sets.
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

  const timeout = new PausableTimeout(task.timeout * 1000 - lease.ageMs(), () => giveUp(timeoutError(key, task.timeout)))
  const onLeaseLost = () => giveUp(new DogError('ERR_DOG_FETCH', `The lease of "${key}" was lost in mid-fetch`, { key }))
  lease.signal.addEventListener('abort', onLeaseLost)

  const whileWaiting = async <R>(bound: number, wait: () => Promise<R>): Promise<R> => {
    if (bound === 0) return wait()
    timeout.pause()
    try {
      // Others must not take us for overdue while we wait for another key: its time-out bounds that.
      await lease.extend(bound + timeout.remainingMs / 1000)
      return await wait()
    } finally {
      timeout.resume()
    }
  }
  const get = (other: string) =>
    whileWaiting(links.isAvailable(other) ? 0 : links.maxWaitSeconds(other), () => links.get(key, other))
  const context = Object.defineProperties(
    (value: unknown, expiresIn: unknown = 0, refreshAhead?: unknown) => accept({ value, expiresIn, refreshAhead }),
    {
      key: { value: key, enumerable: true },
      signal: { value: aborter.signal, enumerable: true },
      reason: { value: task.reason, enumerable: true },
      // An accessor: printing the context must not print the value.
      previous: { get: () => task.previous },
      get: { value: (other: string) => get(other) },
      use: {
        value: (other: string, body: (value: never) => unknown) => {
          // A rejected value is at hand, and its refresh is waited for all the same.
          const refresh = (rejected: unknown) =>
            whileWaiting(links.maxWaitSeconds(other), () => links.refresh(key, other, rejected))
          return retryRejected(other, { get: () => get(other), refresh }, links.rejectionTest(other), body)
        },
      },
    },
  ) as unknown as FetchContext<never>

  const acceptReturned = (result: unknown) => {
    if (isResult(result)) accept(result)
    // Nothing: the handler will be called. Something else after an answer is the rest of a callback style's promise.
    else if (result !== undefined && !isAnswered) {
      fail(new DogError('ERR_DOG_FETCH_RESULT', `The fetcher of "${key}" must answer { value, expiresIn }`, { key }))
    }
  }
  try {
    const returned: unknown = links.callFetcher(key, () => task.fetcher(context))
    if (isThenable(returned)) Promise.resolve(returned).then(acceptReturned, fail)
    // Whatever else a callback style returns by the way is not an answer.
    else if (isResult(returned)) accept(returned)
  } catch (error) {
    fail(error)
  }

  firstAnswer.promise.then(outcome.resolve, outcome.reject)
  const answer = outcome.promise.finally(() => {
    timeout.cancel()
    lease.signal.removeEventListener('abort', onLeaseLost)
  })
  const late = firstAnswer.promise.then(
    (result) => (isTooLate ? result : undefined),
    () => undefined,
  )
  return { answer, lateAnswer: late, wasSuspended: () => timeout.wasSuspended }
}

const timeoutError = (key: string, timeout: number): DogError =>
  new DogError(
    'ERR_DOG_FETCH_TIMEOUT',
    `The fetcher of "${key}" gave no answer within ${timeout} s: forgot to return, or to call the handler?`,
    { key },
  )

const isResult = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && 'value' in value && !isThenable(value)

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (Object(value) as PromiseLike<unknown>).then === 'function'

/** A timer so late (ms) was not late by itself: the process was suspended, or kept busy. */
const SUSPENDED_AFTER_MS = 500
/** Milliseconds in which an answer that came meanwhile can be taken from its socket. */
const CATCH_UP_MS = 100

/** A time-out that can be stopped while another key's time-out runs. Keeps the process alive: somebody waits for it. */
class PausableTimeout {
  wasSuspended = false
  #remainingMs: number
  #startedAt = 0
  #timer: Timer | undefined
  #pauses = 1
  readonly #onTimeout: () => void

  constructor(ms: number, over: () => void) {
    this.#remainingMs = ms
    this.#onTimeout = over
    this.resume()
  }

  /** Milliseconds. */
  get remainingMs(): number {
    return this.#remainingMs
  }

  pause(): void {
    if (this.#pauses++ > 0) return
    stopTimer(this.#timer)
    this.#remainingMs -= monotonic() - this.#startedAt
  }

  resume(): void {
    if (--this.#pauses > 0) return
    this.#startedAt = monotonic()
    this.#timer = startTimer(() => this.#fire(), Math.max(0, this.#remainingMs))
  }

  #fire(): void {
    const lateness = monotonic() - this.#startedAt - Math.max(0, this.#remainingMs)
    this.wasSuspended = lateness > SUSPENDED_AFTER_MS
    if (this.wasSuspended) this.#timer = startTimer(this.#onTimeout, CATCH_UP_MS)
    else this.#onTimeout()
  }

  /** For good. */
  cancel(): void {
    this.#pauses = Number.POSITIVE_INFINITY
    stopTimer(this.#timer)
  }
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
