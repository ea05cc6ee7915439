// JSON Web Tokens with RS256: signed statements of an account about itself. This is small enough to
// need no library.
import { createPrivateKey, KeyObject, sign } from 'node:crypto'
import { misuseOfSecret } from '../../core/shared/validate.js'

/**
 * Reads an RSA private key.
 *
 * @param value PEM text, or a KeyObject of Node. In PEM text, line ends may be written as `\n`, as
 *   environment variables do.
 * @throws TypeError that shows nothing of the value.
 */
export function checkPrivateKey(name: string, value: unknown): KeyObject {
  let key: KeyObject | undefined
  try {
    if (value instanceof KeyObject) key = value
    else if (typeof value === 'string') key = createPrivateKey(value.replaceAll('\\n', '\n'))
  } catch {
    // OpenSSL's message does not help a reader, and it must not see the key.
  }
  if (key?.type === 'private' && key.asymmetricKeyType === 'rsa') return key
  throw misuseOfSecret(name, 'must be an RSA private key, as PEM or a KeyObject', value)
}

const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')

/** Signs claims. Their times are in epoch seconds. */
export function signJwt(claims: object, key: KeyObject, keyId?: string): string {
  const header = { alg: 'RS256', typ: 'JWT', ...(keyId !== undefined && { kid: keyId }) }
  const text = `${encode(header)}.${encode(claims)}`
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`
}
