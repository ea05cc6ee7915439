import type { DogRecord, Store } from '../index.js'
import { DogError } from './errors.js'
import { unseal } from './seal.js'

/**
 * Whether a record is this key's to use: another account's, or one that is encrypted where no key is given, is an error, never
 * a miss. A miss would be fetched over it.
 */
export function checkClaim(found: DogRecord, store: Store, identity: string | undefined): void {
  const { key } = found
  const path = store.path?.(key)
  // A store that encrypts has opened it already.
  if (found.sealed !== undefined) unseal(found, [], path ?? store.name)
  if (identity === undefined || found.identity === undefined || found.identity === identity) return
  const message = `"${key}" belongs to ${found.identity} here, not to ${identity}: ${path ?? store.name}`
  throw new DogError('ERR_DOG_IDENTITY', message, { key, path })
}
