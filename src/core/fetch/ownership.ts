import type { DogRecord, Store } from '../../../index.js'
import { decryptRecord } from '../model/encryption.js'
import { DogError } from '../model/errors.js'
import type { KeyConfig } from '../model/options.js'

/**
 * Checks that a stored record belongs to this key. A foreign record raises an error; treating it as
 * missing would let a fetch overwrite it.
 */
export function assertOwner(found: DogRecord, store: Store, { identity, encryptionKeys }: KeyConfig): void {
  assertIdentity(found, store, identity)
  // A store that encrypts has already decrypted what its keys open: this throws the error that says why it could not.
  if (found.sealed !== undefined) decryptRecord(found, encryptionKeys, store.path?.(found.key) ?? store.name)
}

/** @throws DogError if the record is another account's. */
export function assertIdentity(found: DogRecord, store: Store, identity: string | undefined): void {
  if (!isForeign(found, identity)) return
  const { key } = found
  const path = store.path?.(key)
  const message = `"${key}" belongs to ${found.identity} here, not to ${identity}: ${path ?? store.name}`
  throw new DogError('ERR_DOG_IDENTITY', message, { key, path })
}

/** Whether a plain record may be encrypted here. A follower writes nothing, and nobody writes another account's record. */
export const mayReencrypt = (found: DogRecord, { identity, fetcher, followOnly }: KeyConfig): boolean =>
  !followOnly && fetcher !== undefined && !isForeign(found, identity)

const isForeign = (found: DogRecord, identity: string | undefined): boolean =>
  identity !== undefined && found.identity !== undefined && found.identity !== identity
