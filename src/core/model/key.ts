import { misuse, misuseOfSecretOption } from './errors.js'

/** A key is a name, not a path: any 1 to 120 characters. How it becomes a file name is the store's matter. */
export function checkKey(key: unknown): asserts key is string {
  if (typeof key !== 'string' || key.length === 0 || key.length > 120 || !key.isWellFormed()) {
    // A string that is too long for a key is a value that stands in its place.
    throw (key === '' ? misuse : misuseOfSecretOption)('key', 'must be a string of 1 to 120 characters', key)
  }
}
