// Decrypts and encrypts messages of safe mode, as pure functions. The signature is checked before
// anything is decrypted, so that nobody without the Token learns anything from the errors.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import {
  checkObject,
  checkOptions,
  checkValue,
  type Rule,
  type Rules,
  required,
  SECRET_TEXT,
  TEXT,
} from '../../core/shared/validate.js'
import { encryptedTextOf, type SealedMessage } from './envelope.js'
import {
  isWithinMaxAge,
  type PushQuery,
  pushSignature,
  type ReplayOptions,
  signableText,
  signaturesMatch,
} from './signature.js'

/**
 * The account, and what the console shows under "server configuration". Either `appId` or `corpId`
 * is required.
 */
export interface PushAccount {
  /** The account of WeChat. */
  appId?: string
  /**
   * The receive id of WeCom: the corporation, for a suite its SuiteId, and for a bot `''`.
   */
  corpId?: string
  /** The Token that you chose. */
  token: string
  /** 43 characters. */
  encodingAESKey: string
}

/**
 * - `WECHAT_PUSH_BODY`: the body holds no encrypted message.
 * - `WECHAT_PUSH_SIGNATURE`: the signature is wrong.
 * - `WECHAT_PUSH_TOO_OLD`: the timestamp is outside the window of `maxAge`.
 * - `WECHAT_PUSH_CIPHER`: the message cannot be decrypted.
 * - `WECHAT_PUSH_APPID`: the message is for another account or corporation.
 */
export type MessageErrorCode =
  | 'WECHAT_PUSH_BODY'
  | 'WECHAT_PUSH_SIGNATURE'
  | 'WECHAT_PUSH_TOO_OLD'
  | 'WECHAT_PUSH_CIPHER'
  | 'WECHAT_PUSH_APPID'

/** A pushed message was refused. The error holds nothing of the message. */
export class MessageError extends Error {
  constructor(
    readonly code: MessageErrorCode,
    message: string,
  ) {
    super(message)
  }
}
// A literal, because a minifier may rename the class.
Object.defineProperty(MessageError.prototype, 'name', { value: 'MessageError', configurable: true, writable: true })

/** The padding is PKCS#7 over blocks of 32 bytes, twice the blocks of AES. */
const PADDING_BLOCK_BYTES = 32
const AES_BLOCK_BYTES = 16
const RANDOM_BYTES = 16
/** The random bytes, and the length of the message in 4 bytes. */
const HEADER_BYTES = RANDOM_BYTES + 4

/** The values may be secrets in the wrong place, so that messages show none. */
const ENCODING_AES_KEY: Rule = {
  test: (value: unknown) => typeof value === 'string' && /^[A-Za-z0-9+/]{43}$/.test(value),
  rule: 'must be the 43 letters and digits that the console shows',
  isSecret: true,
}

/** A bot has the empty receive id. */
const RECEIVE_ID: Rule = { test: (value: unknown) => typeof value === 'string', rule: 'must be a string', isSecret: true }

const ACCOUNT_RULES: Rules = {
  appId: SECRET_TEXT,
  corpId: RECEIVE_ID,
  token: required(SECRET_TEXT),
  encodingAESKey: required(ENCODING_AES_KEY),
}

/** @throws TypeError for a wrong account. */
export function aesKeyOf(account: PushAccount): Buffer {
  checkObject('the account', account)
  const { appId, corpId } = account as PushAccount
  if (appId !== undefined && corpId !== undefined) throw new TypeError('appId must not be given together with corpId')
  if (corpId === undefined) checkValue('appId', appId, required(SECRET_TEXT))
  for (const [name, rule] of Object.entries(ACCOUNT_RULES)) checkValue(name, account[name as keyof PushAccount], rule)
  return Buffer.from(`${account.encodingAESKey}=`, 'base64')
}

/** What a message ends with: the id of whom it is for. */
const receiveIdOf = ({ appId, corpId }: PushAccount): string => corpId ?? appId ?? ''

function decryptText(encrypted: string, key: Buffer, receiveId: string): string {
  const fail = (): never => {
    throw new MessageError('WECHAT_PUSH_CIPHER', 'The message cannot be decrypted: is the encodingAESKey the right one?')
  }
  const bytes = Buffer.from(encrypted, 'base64')
  if (bytes.length === 0 || bytes.length % AES_BLOCK_BYTES !== 0) fail()
  const decipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, AES_BLOCK_BYTES)).setAutoPadding(false)
  const plain = withoutPadding(Buffer.concat([decipher.update(bytes), decipher.final()]))
  if (plain === undefined || plain.length < HEADER_BYTES) return fail()
  const end = HEADER_BYTES + plain.readUInt32BE(RANDOM_BYTES)
  if (end > plain.length) fail()
  if (plain.toString('utf8', end) !== receiveId) {
    throw new MessageError('WECHAT_PUSH_APPID', 'The message is for another account than the given appId or corpId')
  }
  return plain.toString('utf8', HEADER_BYTES, end)
}

function withoutPadding(padded: Buffer): Buffer | undefined {
  const size = padded.at(-1)!
  const isSize = size >= 1 && size <= PADDING_BLOCK_BYTES && size <= padded.length
  return isSize && padded.subarray(-size).every((byte) => byte === size) ? padded.subarray(0, -size) : undefined
}

/**
 * Checks the `msg_signature` of a pushed message, decrypts the message, and checks its account.
 *
 * @param body XML, JSON, an object with `Encrypt` or `encrypt`, or the encrypted text itself
 * @param query the query of the request: `msg_signature`, `timestamp` and `nonce`
 * @param replay limits the age of the timestamp. Default: no limit.
 * @returns the message as the platform wrote it, XML or JSON.
 * @throws MessageError for anything that is wrong with the request.
 * @throws TypeError for a wrong account.
 * @example const xml = decryptMessage(request.body, request.query, { appId, token, encodingAESKey })
 */
export function decryptMessage(body: unknown, query: PushQuery, account: PushAccount, replay: ReplayOptions = {}): string {
  const key = aesKeyOf(account)
  const encrypted = encryptedTextOf(body)?.text
  if (encrypted === undefined) {
    throw new MessageError('WECHAT_PUSH_BODY', 'The body has no Encrypt: is it a message of safe mode?')
  }
  const { msg_signature: signature, timestamp, nonce } = (query ?? {}) as PushQuery
  const timestampText = signableText(timestamp)
  const nonceText = signableText(nonce)
  if (
    timestampText === undefined ||
    nonceText === undefined ||
    !signaturesMatch(signature, pushSignature([account.token, timestampText, nonceText, encrypted]))
  ) {
    throw new MessageError(
      'WECHAT_PUSH_SIGNATURE',
      'The msg_signature does not belong to this message: is the Token the right one?',
    )
  }
  if (!isWithinMaxAge(timestampText, replay)) {
    throw new MessageError('WECHAT_PUSH_TOO_OLD', 'The timestamp of the message differs from now by more than maxAge')
  }
  return decryptText(encrypted, key, receiveIdOf(account))
}

export interface SealOptions {
  /** Epoch seconds. Default: now. */
  timestamp?: number
  /** Default: random digits. */
  nonce?: string
  /** 16 bytes, for tests only. Default: random ones. */
  random?: Uint8Array
}

const SEAL_RULES: Rules = {
  timestamp: {
    test: (value: unknown) => Number.isSafeInteger(value) || (typeof value === 'string' && /^\d{1,15}$/.test(value)),
    rule: 'must be epoch seconds, a whole number',
  },
  nonce: TEXT,
  random: {
    test: (value: unknown) => value instanceof Uint8Array && value.length === RANDOM_BYTES,
    rule: `must be ${RANDOM_BYTES} bytes`,
    isSecret: true,
  },
}

/**
 * Encrypts and signs a reply.
 *
 * @throws TypeError for a message that is not a string, a wrong account, or an unknown or wrong
 *   option.
 * @example response.type('xml').send(messageXml(encryptMessage(xml, { appId, token, encodingAESKey })))
 */
export function encryptMessage(message: string, account: PushAccount, options: SealOptions = {}): SealedMessage {
  const key = aesKeyOf(account)
  // The message is not shown: only its type is.
  if (typeof message !== 'string') throw new TypeError(`message must be a string; got ${typeof message}`)
  const checked = checkOptions<SealOptions>('encryptMessage', options, SEAL_RULES)
  const { random = randomBytes(RANDOM_BYTES) } = checked
  const timestamp = Number(checked.timestamp ?? Math.floor(Date.now() / 1000))
  const { nonce = String(randomBytes(4).readUInt32BE()) } = checked
  const text = Buffer.from(message)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  const plain = Buffer.concat([random, length, text, Buffer.from(receiveIdOf(account))])
  const padding = PADDING_BLOCK_BYTES - (plain.length % PADDING_BLOCK_BYTES)
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, AES_BLOCK_BYTES)).setAutoPadding(false)
  const encrypted = Buffer.concat([cipher.update(plain), cipher.update(Buffer.alloc(padding, padding)), cipher.final()])
  const Encrypt = encrypted.toString('base64')
  const MsgSignature = pushSignature([account.token, String(timestamp), nonce, Encrypt])
  return { Encrypt, MsgSignature, TimeStamp: timestamp, Nonce: nonce }
}
