import type { FetchContext, Fetcher, Lease, Reason } from '../../../index.js'
import { DogError } from '../model/errors.js'
import { type Answer, checkAnswer } from '../model/fetch-result.js'
import { monotonic, now, startTimer, stopTimer, type Timer } from '../shared/clock.js'
import { useValue } from './retry-rejected.js'

/** Other keys, as the fetcher of one key may ask for them. */
export interface Links {
  /** Whether a `get` of that key need not wait. */
  isAtHand(key: string): boolean
  /** Seconds for which a call for that key may keep its caller waiting. */
  bound(key: string): number
  /** `from` waits for the value of `to`. */
  get(from: string, to: string): Promise<unknown>
  refresh(from: string, to: string, stale: unknown): Promise<unknown>
  isRejected(key: string): ((error: unknown) => boolean) | undefined
  /** Calls the fetcher; a `get` that it makes synchronously is its own. */
  call<R>(key: string, fetcher: () => R): R
}

export interface Task {
  key: string
  fetcher: Fetcher<never>
  /** Seconds. */
  timeout: number
  ahead: number | undefined
  previous: unknown
  reason: Reason
  links: Links
  warn(code: string, message: string): void
}

export interface Run {
  /** The answer; rejects when the fetcher fails, its time-out is over, or the lease is lost. */
  answer: Promise<Answer>
  /** The answer of a fetcher that went on after that. Undefined if it failed, or if `answer` has it. */
  late: Promise<Answer | undefined>
  /** Whether this process stood still while it was to watch the time-out: then a time-out is not the upstream's fault. */
  stoodStill(): boolean
}

/**
 * One run of a fetcher, in either style: it returns a promise of a result, or calls its context. The first answer counts.
 * Calls the fetcher before it returns: the caller has just checked that the lease is held. Knows nothing of stores.
 */
export function runFetcher(task: Task, lease: Lease): Run {
  const { key, links } = task
  const begun = monotonic()
  const aborter = new AbortController()
  const ended = withResolvers<Answer>()
  const given = withResolvers<Answer>()
  let answered = false
  let tooLate = false

  const accept = (result: object) => {
    if (answered) return task.warn('ERR_DOG_FETCH_RESULT', `The fetcher of "${key}" answered twice: the second is ignored`)
    answered = true
    try {
      // The lifetime counts from the start of the fetch, by the clock that nobody sets.
      given.resolve(checkAnswer(key, result, now() - (monotonic() - begun), task.ahead))
    } catch (error) {
      given.reject(error)
    }
  }
  const fail = (error: unknown) => {
    answered = true
    given.reject(error)
  }
  const giveUp = (error: DogError) => {
    tooLate = true
    ended.reject(error)
    aborter.abort(error)
  }

  const clock = new Stopwatch(task.timeout * 1000 - lease.age(), () => giveUp(timedOut(key, task.timeout)))
  const lost = () => giveUp(new DogError('ERR_DOG_FETCH', `The lease of "${key}" was lost in mid-fetch`, { key }))
  lease.signal.addEventListener('abort', lost)

  const whileWaiting = async <R>(bound: number, wait: () => Promise<R>): Promise<R> => {
    if (bound === 0) return wait()
    clock.stop()
    try {
      // Others must not take us for overdue while we wait for another key: its time-out bounds that.
      await lease.extend(bound + clock.left / 1000)
      return await wait()
    } finally {
      clock.go()
    }
  }
  const get = (other: string) => whileWaiting(links.isAtHand(other) ? 0 : links.bound(other), () => links.get(key, other))
  const context = Object.defineProperties(
    (value: unknown, expiresIn: unknown = 0, ahead?: unknown) => accept({ value, expiresIn, ahead }),
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
          const refresh = (stale: unknown) => whileWaiting(links.bound(other), () => links.refresh(key, other, stale))
          return useValue(other, { get: () => get(other), refresh }, links.isRejected(other), body)
        },
      },
    },
  ) as unknown as FetchContext<never>

  const take = (result: unknown) => {
    if (isResult(result)) accept(result)
    // Nothing: the handler will be called. Something else after an answer is the rest of a callback style's promise.
    else if (result !== undefined && !answered) {
      fail(new DogError('ERR_DOG_FETCH_RESULT', `The fetcher of "${key}" must answer { value, expiresIn }`, { key }))
    }
  }
  try {
    const returned: unknown = links.call(key, () => task.fetcher(context))
    if (isThenable(returned)) Promise.resolve(returned).then(take, fail)
    // Whatever else a callback style returns by the way is not an answer.
    else if (isResult(returned)) accept(returned)
  } catch (error) {
    fail(error)
  }

  given.promise.then(ended.resolve, ended.reject)
  const answer = ended.promise.finally(() => {
    clock.end()
    lease.signal.removeEventListener('abort', lost)
  })
  const late = given.promise.then(
    (result) => (tooLate ? result : undefined),
    () => undefined,
  )
  return { answer, late, stoodStill: () => clock.stoodStill }
}

const timedOut = (key: string, timeout: number): DogError =>
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
const STOOD_STILL = 500
/** Milliseconds in which an answer that came meanwhile can be taken from its socket. */
const CATCH_UP = 100

/** A time-out that can be stopped while another key's time-out runs. Keeps the process alive: somebody waits for it. */
class Stopwatch {
  stoodStill = false
  #left: number
  #since = 0
  #timer: Timer | undefined
  #stops = 1
  readonly #over: () => void

  constructor(ms: number, over: () => void) {
    this.#left = ms
    this.#over = over
    this.go()
  }

  /** Milliseconds. */
  get left(): number {
    return this.#left
  }

  stop(): void {
    if (this.#stops++ > 0) return
    stopTimer(this.#timer)
    this.#left -= monotonic() - this.#since
  }

  go(): void {
    if (--this.#stops > 0) return
    this.#since = monotonic()
    this.#timer = startTimer(() => this.#ring(), Math.max(0, this.#left))
  }

  #ring(): void {
    const lateness = monotonic() - this.#since - Math.max(0, this.#left)
    this.stoodStill = lateness > STOOD_STILL
    if (this.stoodStill) this.#timer = startTimer(this.#over, CATCH_UP)
    else this.#over()
  }

  /** For good. */
  end(): void {
    this.#stops = Number.POSITIVE_INFINITY
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
