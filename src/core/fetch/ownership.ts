import type { DogRecord, Store } from '../../../index.js'
import { decryptRecord } from '../model/encryption.js'
import { DogError } from '../model/errors.js'
import type { KeyConfig } from '../model/options.js'

/** Whose a record is. What is not this key's to use is an error, never a miss: a miss would be fetched over it. */

/** Another account's, or one that no given key opens, is refused. */
export function assertOwner(found: DogRecord, store: Store, { identity, encryptionKeys: sealingKeys }: KeyConfig): void {
  assertIdentity(found, store, identity)
  // A store that encrypts has opened what its keys open.
  if (found.sealed !== undefined) decryptRecord(found, sealingKeys, store.path?.(found.key) ?? store.name)
}

export function assertIdentity(found: DogRecord, store: Store, identity: string | undefined): void {
  if (!isForeign(found, identity)) return
  const { key } = found
  const path = store.path?.(key)
  const message = `"${key}" belongs to ${found.identity} here, not to ${identity}: ${path ?? store.name}`
  throw new DogError('ERR_DOG_IDENTITY', message, { key, path })
}

/** Whether it may be encrypted here: who only reads writes nothing, and nobody writes what is another account's. */
export const mayReencrypt = (found: DogRecord, { identity, fetcher, followOnly }: KeyConfig): boolean =>
  !followOnly && fetcher !== undefined && !isForeign(found, identity)

const isForeign = (found: DogRecord, identity: string | undefined): boolean =>
  identity !== undefined && found.identity !== undefined && found.identity !== identity
