import type { DogRecord } from '../../../index.js'
import { unknownFields } from '../shared/format.js'
import { DogError } from './errors.js'

/**
 * Encryption at rest: the value of a record is sealed with AES-256-GCM and a fresh nonce. All other
 * fields are authenticated, so that nobody can change a bit of the record or put another record in
 * its place. This file knows nothing of files.
 */
export interface CipherKey {
  /** Stands in the record, so that a list of keys can be rotated. */
  id: string
  bytes: Buffer
}

export interface Sealed {
  id: string
  /** base64, 12 bytes */
  nonce: string
  /** base64, the ciphertext and the 16 bytes of its tag */
  data: string
}

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** node:crypto is loaded only where something is encrypted. */
const crypto = () => process.getBuiltinModule('node:crypto')

export function toCipherKey(bytes: Uint8Array): CipherKey {
  const id = crypto().createHash('sha256').update('dotdog key id').update(bytes).digest('hex').slice(0, 8)
  return { id, bytes: Buffer.from(bytes) }
}

export function encryptRecord(record: DogRecord, { id, bytes }: CipherKey): DogRecord {
  const { value, ...rest } = record
  const nonce = crypto().randomBytes(NONCE_BYTES)
  const cipher = crypto().createCipheriv(ALGORITHM, bytes, nonce).setAAD(authenticatedFields(record, id))
  const data = [cipher.update(JSON.stringify(value), 'utf8'), cipher.final(), cipher.getAuthTag()]
  const sealed: Sealed = { id, nonce: nonce.toString('base64'), data: Buffer.concat(data).toString('base64') }
  return { ...rest, value: undefined, sealed }
}

/**
 * Whether the record should be written again: it is plain, or sealed with a key that is no longer
 * the first.
 */
export const needsEncryption = (record: DogRecord, keys: readonly CipherKey[]): boolean =>
  keys.length > 0 && (record.sealed as Sealed | undefined)?.id !== keys[0]!.id

/** Whether two lists hold the same keys in the same order. */
export const areSame = (some: readonly CipherKey[], others: readonly CipherKey[]): boolean =>
  some.length === others.length && some.every(({ bytes }, index) => bytes.equals(others[index]!.bytes))

/**
 * Returns the record with its value.
 *
 * @param path for the message of the error
 * @throws DogError `ERR_DOG_DECRYPT` if no key opens the record, or if the record was changed.
 */
export function decryptRecord(record: DogRecord, keys: readonly CipherKey[], path: string): DogRecord {
  const sealed = record.sealed as Sealed | undefined
  if (sealed === undefined) return record
  const key = keys.find(({ id }) => id === sealed.id)
  if (key === undefined) {
    throw decryptError(record, path, keys.length === 0 ? 'no encryptionKey is given' : 'none of the given keys sealed it')
  }
  try {
    const data = decodeBase64(sealed.data)
    const decipher = crypto().createDecipheriv(ALGORITHM, key.bytes, decodeBase64(sealed.nonce), { authTagLength: TAG_BYTES })
    decipher.setAAD(authenticatedFields(record, sealed.id)).setAuthTag(data.subarray(-TAG_BYTES))
    const text = decipher.update(data.subarray(0, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
    const { sealed: _, ...rest } = record
    return { ...rest, value: JSON.parse(text) } as DogRecord
  } catch {
    throw decryptError(record, path, 'it was changed')
  }
}

/** All fields but the value, in an order that does not depend on the text of the record. */
function authenticatedFields(record: DogRecord, id: string): Buffer {
  const { key, fetchedAt, expiresAt, ahead, generation, identity = null, by = null } = record
  const unknown = Object.entries(unknownFields(record)).sort(([a], [b]) => (a < b ? -1 : 1))
  return Buffer.from(JSON.stringify([key, fetchedAt, expiresAt, ahead, generation, identity, by, unknown, id]))
}

/**
 * Refuses stray characters and bits. Buffer ignores them, so that a change to the text would go
 * unnoticed.
 */
function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw new Error('not base64')
  return bytes
}

const decryptError = (record: DogRecord, path: string, reason: string): DogError =>
  new DogError('ERR_DOG_DECRYPT', `The value of "${record.key}" cannot be decrypted, ${reason}: ${path}`, {
    key: record.key,
    path,
  })
