import type { DogRecord } from '../../../index.js'
import { unknownFields } from '../shared/format.js'
import { DogError } from './errors.js'

/**
 * Encryption at rest: a record whose value is sealed. AES-256-GCM with a fresh nonce; all other fields are authenticated, so
 * that no bit of the record can be changed and no record put in another's place. Knows nothing of files.
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
const TAG = 16

/** node:crypto is loaded by those who encrypt. */
const crypto = () => process.getBuiltinModule('node:crypto')

export function toCipherKey(bytes: Uint8Array): CipherKey {
  const id = crypto().createHash('sha256').update('dotdog key id').update(bytes).digest('hex').slice(0, 8)
  return { id, bytes: Buffer.from(bytes) }
}

export function encryptRecord(record: DogRecord, { id, bytes }: CipherKey): DogRecord {
  const { value, ...rest } = record
  const nonce = crypto().randomBytes(12)
  const cipher = crypto().createCipheriv(ALGORITHM, bytes, nonce).setAAD(associated(record, id))
  const data = [cipher.update(JSON.stringify(value), 'utf8'), cipher.final(), cipher.getAuthTag()]
  const sealed: Sealed = { id, nonce: nonce.toString('base64'), data: Buffer.concat(data).toString('base64') }
  return { ...rest, value: undefined, sealed }
}

/** Whether the record should be written again: it is plain, or sealed with a key that is not the first any more. */
export const needsEncryption = (record: DogRecord, keys: readonly CipherKey[]): boolean =>
  keys.length > 0 && (record.sealed as Sealed | undefined)?.id !== keys[0]!.id

export const areSame = (some: readonly CipherKey[], others: readonly CipherKey[]): boolean =>
  some.length === others.length && some.every(({ bytes }, at) => bytes.equals(others[at]!.bytes))

/** The record with its value. `path` is for the message. */
export function decryptRecord(record: DogRecord, keys: readonly CipherKey[], path: string): DogRecord {
  const sealed = record.sealed as Sealed | undefined
  if (sealed === undefined) return record
  const key = keys.find(({ id }) => id === sealed.id)
  if (key === undefined) throw cannot(record, path, keys.length === 0 ? 'no encryptionKey is given' : 'no given key is its key')
  try {
    const data = decode(sealed.data)
    const decipher = crypto().createDecipheriv(ALGORITHM, key.bytes, decode(sealed.nonce), { authTagLength: TAG })
    decipher.setAAD(associated(record, sealed.id)).setAuthTag(data.subarray(-TAG))
    const text = decipher.update(data.subarray(0, -TAG), undefined, 'utf8') + decipher.final('utf8')
    const { sealed: _, ...rest } = record
    return { ...rest, value: JSON.parse(text) } as DogRecord
  } catch {
    throw cannot(record, path, 'it was changed')
  }
}

/** Everything but the value, in an order that does not depend on the text of the record. */
function associated(record: DogRecord, id: string): Buffer {
  const { key, fetchedAt, expiresAt, ahead, generation, identity = null, by = null } = record
  const unknown = Object.entries(unknownFields(record)).sort(([a], [b]) => (a < b ? -1 : 1))
  return Buffer.from(JSON.stringify([key, fetchedAt, expiresAt, ahead, generation, identity, by, unknown, id]))
}

/** Base64 ignores stray characters and bits, which would be changes that nobody sees. */
function decode(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw new Error('not base64')
  return bytes
}

const cannot = (record: DogRecord, path: string, why: string): DogError =>
  new DogError('ERR_DOG_DECRYPT', `The value of "${record.key}" cannot be decrypted, ${why}: ${path}`, {
    key: record.key,
    path,
  })
