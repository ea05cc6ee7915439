import { DogError } from './errors.js'
import { describeFailure } from './failure.js'
import { fieldOf } from './field-of.js'

/**
 * A fetch that failed because another key has no value. The upstream of the own key did not fail,
 * so nothing is recorded: the other key has a back-off of its own, which ends when it gets a value.
 */

/** A fetcher may wrap an error in others this many times. */
const MAX_WRAPPERS = 4

/** Errors of a key whose value was used and rejected: an upstream was asked with that value. */
const errorsAfterUse = new WeakSet<object>()

/**
 * The error of a key whose value was used before, so that it counts as the user's failure. A copy: other
 * callers, who did not use the value, may have got the same error.
 */
export function asAfterUse(error: unknown): unknown {
  if (!isOfEngine(error)) return error
  const { code, message, key, retryAt, path, details, cause } = error
  const copy = new DogError(code, message, { key, retryAt, path, details, cause })
  errorsAfterUse.add(copy)
  return copy
}

/**
 * The error of another key because of which a fetcher failed, also one inside the `cause` or the
 * `errors` of what was thrown. `undefined`: the failure is the fetcher's own.
 */
export function dependencyFailure(key: string, error: unknown, wrappers = MAX_WRAPPERS): DogError | undefined {
  if (isOfEngine(error)) {
    const otherKey = fieldOf(error, 'key')
    return typeof otherKey === 'string' && otherKey !== key && !errorsAfterUse.has(error) ? error : undefined
  }
  // An error that says when to ask again speaks of an upstream that was asked.
  if (wrappers === 0 || fieldOf(error, 'retryAfter') !== undefined) return undefined
  const errors = fieldOf(error, 'errors')
  if (!Array.isArray(errors)) return dependencyFailure(key, fieldOf(error, 'cause'), wrappers - 1)
  const failures = errors.map((one) => dependencyFailure(key, one, wrappers - 1))
  return failures.includes(undefined) ? undefined : failures[0]
}

/** What the callers of a key are told that failed because of another key: no later `retryAt` than that key's. */
export function errorOfDependent(key: string, error: unknown, dependency: DogError): DogError {
  const { code, message } = describeFailure(key, error)
  const { retryAt, details } = dependency
  return new DogError(code as DogError['code'], message, { key, retryAt, details, cause: error })
}

/** `instanceof` throws for a revoked proxy. */
function isOfEngine(error: unknown): error is DogError {
  try {
    return error instanceof DogError
  } catch {
    return false
  }
}
