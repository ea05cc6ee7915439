// Safe-mode messages: opened and sealed. Pure functions; the signature is checked before anything is decrypted, so that nobody
// without the Token learns anything from the errors.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { encryptOf } from './envelope.js'
import { isRecent, type PushQuery, pushSignature, type ReplayOptions, sameSignature, textOf } from './signature.js'

/** What the console shows under "server configuration", and the account. */
export interface PushAccount {
  appId: string
  /** The Token that you chose. */
  token: string
  /** 43 characters. */
  encodingAESKey: string
}

export type MessageErrorCode =
  | 'WECHAT_PUSH_BODY'
  | 'WECHAT_PUSH_SIGNATURE'
  | 'WECHAT_PUSH_TOO_OLD'
  | 'WECHAT_PUSH_CIPHER'
  | 'WECHAT_PUSH_APPID'

/** A pushed message that cannot be taken. Holds nothing of it. */
export class MessageError extends Error {
  constructor(
    readonly code: MessageErrorCode,
    message: string,
  ) {
    super(message)
    this.name = 'MessageError'
  }
}

/** An encrypted message on its way to the platform: give it to `JSON.stringify`, or to `messageXml`. */
export interface SealedMessage {
  Encrypt: string
  MsgSignature: string
  TimeStamp: number
  Nonce: string
}

/** PKCS#7 over blocks of 32 bytes, twice those of AES. */
const BLOCK = 32
const HEAD = 20

/** @throws TypeError for a wrong account, by the names of its members only. */
export function keyOf(account: PushAccount): Buffer {
  const { appId, token, encodingAESKey } = Object(account) as Partial<Record<keyof PushAccount, unknown>>
  for (const [name, value] of Object.entries({ appId, token })) {
    if (typeof value !== 'string' || value === '') throw new TypeError(`${name} must be a non-empty string`)
  }
  if (typeof encodingAESKey !== 'string' || !/^[A-Za-z0-9+/]{43}$/.test(encodingAESKey)) {
    throw new TypeError('encodingAESKey must be the 43 letters and digits that the console shows')
  }
  return Buffer.from(`${encodingAESKey}=`, 'base64')
}

function open(encrypted: string, key: Buffer, appId: string): string {
  const fail = (): never => {
    throw new MessageError('WECHAT_PUSH_CIPHER', 'The message cannot be decrypted: is the encodingAESKey the right one?')
  }
  const bytes = Buffer.from(encrypted, 'base64')
  if (bytes.length === 0 || bytes.length % 16 !== 0) fail()
  const decipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  const padded = Buffer.concat([decipher.update(bytes), decipher.final()])
  const pad = padded.at(-1)!
  const isPadding = pad >= 1 && pad <= BLOCK && pad <= padded.length && padded.subarray(-pad).every((byte) => byte === pad)
  const plain = isPadding ? padded.subarray(0, -pad) : padded.subarray(0, 0)
  if (plain.length < HEAD) fail()
  const end = HEAD + plain.readUInt32BE(16)
  if (end > plain.length) fail()
  if (plain.toString('utf8', end) !== appId) {
    throw new MessageError('WECHAT_PUSH_APPID', 'The message is for another account than the given appId')
  }
  return plain.toString('utf8', HEAD, end)
}

/**
 * Opens a pushed message: checks `msg_signature`, decrypts, checks the account.
 *
 * @param body XML, JSON, an object with `Encrypt`, or the encrypted text itself.
 * @param query the request's: `msg_signature`, `timestamp` and `nonce`.
 * @returns the message as the platform wrote it, XML or JSON.
 * @throws MessageError whatever is wrong with the request.
 * @throws TypeError for a wrong account.
 * @example const xml = decryptMessage(request.body, request.query, { appId, token, encodingAESKey })
 */
export function decryptMessage(body: unknown, query: PushQuery, account: PushAccount, replay: ReplayOptions = {}): string {
  const key = keyOf(account)
  const encrypted = encryptOf(body)
  if (encrypted === undefined) throw new MessageError('WECHAT_PUSH_BODY', 'The body has no Encrypt: is it a safe-mode message?')
  const { msg_signature: signature, timestamp, nonce } = (query ?? {}) as PushQuery
  const time = textOf(timestamp)
  const once = textOf(nonce)
  const signed = time !== undefined && once !== undefined
  if (!signed || !sameSignature(signature, pushSignature([account.token, time, once, encrypted]))) {
    throw new MessageError(
      'WECHAT_PUSH_SIGNATURE',
      'The msg_signature is not that of this message: is the Token the right one?',
    )
  }
  if (!isRecent(time, replay)) throw new MessageError('WECHAT_PUSH_TOO_OLD', 'The message is older or newer than maxAge allows')
  return open(encrypted, key, account.appId)
}

export interface SealOptions {
  /** Epoch seconds. Default: now. */
  timestamp?: number
  /** Default: random digits. */
  nonce?: string
  /** 16 bytes, for tests only. Default: random ones. */
  random?: Uint8Array
}

/**
 * Seals a reply.
 *
 * @throws TypeError for a message that is no text, or a wrong account.
 * @example response.type('xml').send(messageXml(encryptMessage(xml, { appId, token, encodingAESKey })))
 */
export function encryptMessage(message: string, account: PushAccount, options: SealOptions = {}): SealedMessage {
  const key = keyOf(account)
  if (typeof message !== 'string') throw new TypeError(`message must be a string; got a value of type ${typeof message}`)
  const { timestamp = Math.floor(Date.now() / 1000), random = randomBytes(16) } = options
  const { nonce = String(randomBytes(4).readUInt32BE()) } = options
  if (!(random instanceof Uint8Array) || random.length !== 16) throw new TypeError('random must be 16 bytes')
  const text = Buffer.from(message)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  const plain = Buffer.concat([random, length, text, Buffer.from(account.appId)])
  const pad = BLOCK - (plain.length % BLOCK)
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  const Encrypt = Buffer.concat([cipher.update(plain), cipher.update(Buffer.alloc(pad, pad)), cipher.final()]).toString(
    'base64',
  )
  const MsgSignature = pushSignature([account.token, String(timestamp), nonce, Encrypt])
  return { Encrypt, MsgSignature, TimeStamp: timestamp, Nonce: nonce }
}
