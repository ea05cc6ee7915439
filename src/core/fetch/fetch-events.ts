import type { DogRecord, Reason } from '../../../index.js'
import type { DogError } from '../model/errors.js'

/** What a key reports to its dog. No report carries a value out of the process. */
export interface FetchEvents {
  /** This process fetched. `durationMs`: from taking the lease to the answer. `isLate`: the answer came after the time-out. */
  onRefreshed(key: string, record: DogRecord, reason: Reason, durationMs: number, isLate: boolean): void
  /** The fetch of this process failed. `error` is what the callers get. */
  onFailed(key: string, error: DogError): void
  /** An error that no caller gets. It is a warning, unless it is the failure that was reported last. */
  onUnobserved(key: string, error: DogError): void
  /** A caller began to wait for another process. */
  onWaiting(key: string, holder: string | undefined): void
  /** This process took the lease of a dead or overdue holder. */
  onTakeover(key: string, holder: string): void
  /** The stored record is another one than before. */
  onChanged(key: string, record: DogRecord | undefined): void
  onWarning(key: string, code: string, message: string): void
}

/** What a key needs of the dog that owns it. */
export interface KeyEnvironment {
  readonly events: FetchEvents
  readonly keys: KeyResolver
  /** Aborts when the dog closes. Made on first use. */
  closing(): AbortSignal
}

/** The other keys of the dog, as the fetcher of one key may ask for them. */
export interface KeyResolver {
  /** Whether a `get` of that key need not wait. */
  isAvailable(key: string): boolean
  /** Seconds for which a call for that key may keep its caller waiting. */
  maxWaitSeconds(key: string): number
  /** The fetch of `from` waits for the value of `to`. */
  get(from: string, to: string): Promise<unknown>
  refresh(from: string, to: string, rejected: unknown): Promise<unknown>
  /** The key's `isRejected` option. */
  rejectionTest(key: string): ((error: unknown) => boolean) | undefined
  /** Calls the fetcher. A call that the fetcher makes synchronously counts as made by this key. */
  callFetcher<R>(key: string, fetcher: () => R): R
}
