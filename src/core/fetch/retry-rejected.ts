import { asAfterUse } from '../model/dependency-failure.js'
import { type DogError, isDogError } from '../model/errors.js'
import { copyOf } from './memory.js'

/** The two things that a compare-and-retry needs of a key. */
export interface RetryableKey {
  get(): Promise<unknown>
  refresh(rejected: unknown): Promise<unknown>
}

/**
 * Runs a task with a value. If the upstream rejected the value, runs the task once more with a new one.
 * Never twice: an error that a new value does not mend is not the value's fault.
 */
export async function retryRejected(
  key: string,
  secret: RetryableKey,
  isRejected: ((error: unknown) => boolean) | undefined,
  task: (value: never) => unknown,
): Promise<unknown> {
  const value = await secret.get()
  // The task may change an object that it was given.
  const rejected = copyOf(value)
  try {
    return await task(value as never)
  } catch (error) {
    if (!isRejection(error, key, isRejected)) throw error
    const next = await secret.refresh(rejected).catch((failure) => {
      // No new value may be used now. The upstream's own words say more than that.
      if (failure?.code === 'ERR_DOG_REJECTED') throw error
      throw asAfterUse(failure)
    })
    return await task(next as never)
  }
}

/** Only a rejection of this very key counts: a task may use several keys. */
function isRejection(error: unknown, key: string, isRejected: ((error: unknown) => boolean) | undefined): boolean {
  const { code, key: rejectedKey } = Object(error) as Partial<DogError>
  if (code === 'ERR_DOG_REJECTED') return rejectedKey === undefined || rejectedKey === key
  // An error of the engine itself, for example of another key's fetch, says nothing of this value.
  return !isDogError(error) && isRejected?.(error) === true
}
