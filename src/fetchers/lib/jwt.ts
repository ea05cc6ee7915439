// A signed statement about oneself: JSON Web Token, RS256. Small enough to need no library.
import { createPrivateKey, KeyObject, sign } from 'node:crypto'

/**
 * @param value a PEM text (also one whose line ends an environment variable has turned into `\n`), or Node's own key object.
 * @throws TypeError that shows nothing of it.
 */
export function checkPrivateKey(name: string, value: unknown): KeyObject {
  let key: KeyObject | undefined
  try {
    if (value instanceof KeyObject) key = value
    else if (typeof value === 'string') key = createPrivateKey(value.replaceAll('\\n', '\n'))
  } catch {
    // OpenSSL's message is no use to a reader, and the key is none of its business.
  }
  if (key?.type === 'private' && key.asymmetricKeyType === 'rsa') return key
  throw new TypeError(`${name} must be an RSA private key, as PEM or a KeyObject; got a value of type ${typeof value}`)
}

const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')

/** Claims are seconds since the epoch. */
export function signJwt(claims: object, key: KeyObject, keyId?: string): string {
  const head = { alg: 'RS256', typ: 'JWT', ...(keyId !== undefined && { kid: keyId }) }
  const text = `${encode(head)}.${encode(claims)}`
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`
}
