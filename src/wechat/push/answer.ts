// The answer to a request that the platform pushed, as a function of the request. It knows no
// sockets and no framework, so that its tests need neither.
import {
  ANYTHING,
  checkOptions,
  checkValue,
  FUNCTION,
  type Rules,
  required,
  SECRET_TEXT,
  typeName,
} from '../../core/shared/validate.js'
import { encryptedTextOf, lowerCaseMessage, messageXml } from './envelope.js'
import { aesKeyOf, decryptMessage, encryptMessage, MessageError, type PushAccount } from './message-crypto.js'
import { type PushQuery, signableText, verifySignature } from './signature.js'

/** A message that the platform pushed. Its signature was verified. */
export interface PushedMessage {
  /** As the platform wrote it, XML or JSON; decrypted. */
  text: string
  query: PushQuery
  /** Whether the message came encrypted. */
  encrypted: boolean
}

/**
 * The passive reply, XML or JSON. It is encrypted if the message was. `undefined`, `''` and
 * `'success'` are answered by the plain text `success`.
 */
export type MessageReply = string | undefined

export interface HandshakeOptions {
  /** The Token that you chose in the console. */
  token: string
  /** The account of WeChat, for safe mode. Needed together with `encodingAESKey`. */
  appId?: string
  /**
   * The receive id of WeCom, in place of `appId`: the corporation, for a suite its SuiteId, and for
   * a bot `''`. WeCom encrypts everything, also the `echostr`: `encodingAESKey` and `onMessage` are
   * required.
   */
  corpId?: string
  /**
   * 43 characters. Turns safe mode on: a message that is not encrypted is then refused. Default:
   * plain mode.
   */
  encodingAESKey?: string
  /**
   * Seconds by which the timestamp of a request may differ from now: a window against replays.
   * Default: any.
   */
  maxAge?: number
  /**
   * Receives the messages. The platform waits 5 s for the reply. Default: a verified POST is passed
   * on to the next handler.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that replies nothing returns nothing, on any branch
  onMessage?: (message: PushedMessage) => MessageReply | void | Promise<MessageReply | void>
}

export interface PushRequest {
  method: string
  query: PushQuery
  /** Called once at most, and only if the body is needed. Rejects with an {@link HttpRefusal}. */
  body(): Promise<unknown>
}

export interface PushAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

/**
 * Answers a request. `pass` says that the platform's request is verified, and that the next handler
 * has to answer it.
 */
export type PushAnswerer = (request: PushRequest) => Promise<PushAnswer | 'pass'>

/** The request is answered by a status and nothing more. */
export class HttpRefusal extends Error {
  constructor(
    readonly status: number,
    readonly headers: Record<string, string> = {},
  ) {
    super(`status ${status}`)
  }
}

const MAX_ECHO_CHARS = 2048

/**
 * `nosniff`, because the sender of the request chose the text that is echoed: a browser must not
 * treat it as a page.
 */
export function createAnswer(status: number, body = '', type = 'text/plain', headers: Record<string, string> = {}): PushAnswer {
  const fixed = { 'content-type': `${type}; charset=utf-8`, 'x-content-type-options': 'nosniff' }
  return { status, headers: { ...fixed, ...headers }, body }
}

function contentTypeOf(text: string): string {
  const first = text.trimStart()[0]
  return first === '<' ? 'application/xml' : first === '{' ? 'application/json' : 'text/plain'
}

/** A body as text. A framework may have parsed JSON: such an object is serialized again. */
function bodyText(body: unknown): string {
  const text = body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : body
  if (typeof text !== 'string' && (typeof text !== 'object' || text === null)) throw new HttpRefusal(400)
  return typeof text === 'string' ? text : JSON.stringify(text)
}

const RULES: Rules = {
  token: required(SECRET_TEXT),
  // They are checked with the account of safe mode. Without encodingAESKey, appId has no effect.
  appId: ANYTHING,
  corpId: ANYTHING,
  encodingAESKey: ANYTHING,
  maxAge: {
    test: (value: unknown) => typeof value === 'number' && value > 0,
    rule: 'must be a number of seconds over 0',
  },
  onMessage: FUNCTION,
}

/** The account of safe mode, if it is on. */
function safeModeOf({ token, appId, corpId, encodingAESKey, onMessage }: HandshakeOptions): PushAccount | undefined {
  if (corpId !== undefined) {
    checkValue('encodingAESKey', encodingAESKey, required(SECRET_TEXT))
    // The signature of WeCom covers the body, which the next handler could not read a second time.
    checkValue('onMessage', onMessage, required(FUNCTION))
  }
  if (encodingAESKey === undefined) return undefined
  const account = { token, appId, corpId, encodingAESKey }
  aesKeyOf(account)
  return account
}

/**
 * A real one is a number or a short text. A pushed message is signed in the same way, so that it
 * must not be decrypted for whoever sends it as an `echostr`.
 */
const WECOM_ECHO = /^[\w-]{1,128}$/

/** @throws TypeError for an unknown or wrong option. */
export function createPushAnswerer(options: HandshakeOptions): PushAnswerer {
  const { token, maxAge, onMessage } = checkOptions<HandshakeOptions>('handshake', options, RULES)
  const safeMode = safeModeOf(options)
  const isVerified = (query: PushQuery): boolean => verifySignature(query, token, { maxAge })

  function answerEcho(query: PushQuery): PushAnswer {
    const echo = signableText(query.echostr, MAX_ECHO_CHARS)
    if (echo === undefined) return createAnswer(403)
    if (safeMode?.corpId === undefined) return isVerified(query) ? createAnswer(200, echo) : createAnswer(403)
    try {
      const text = messageText(echo, query)
      return WECOM_ECHO.test(text) ? createAnswer(200, text) : createAnswer(403)
    } catch (error) {
      if (error instanceof HttpRefusal) return createAnswer(403)
      throw error
    }
  }

  function messageText(body: unknown, query: PushQuery): string {
    if (safeMode === undefined) return bodyText(body)
    try {
      return decryptMessage(body, query, safeMode, { maxAge })
    } catch (error) {
      if (!(error instanceof MessageError)) throw error
      throw new HttpRefusal(error.code === 'WECHAT_PUSH_SIGNATURE' || error.code === 'WECHAT_PUSH_TOO_OLD' ? 403 : 400)
    }
  }

  function answerWithReply(reply: unknown, message: string, isLowerCase: boolean): PushAnswer {
    if (reply === undefined || reply === '' || reply === 'success') return createAnswer(200, 'success')
    if (typeof reply !== 'string') throw new TypeError(`onMessage must return a string or nothing; got ${typeName(reply)}`)
    if (safeMode === undefined) return createAnswer(200, reply, contentTypeOf(reply))
    const sealed = encryptMessage(reply, safeMode)
    // A reply has the format of its message.
    return contentTypeOf(message) === 'application/json'
      ? createAnswer(200, JSON.stringify(isLowerCase ? lowerCaseMessage(sealed) : sealed), 'application/json')
      : createAnswer(200, messageXml(sealed), 'application/xml')
  }

  return async ({ method, query, body }) => {
    if (method === 'GET') return answerEcho(query)
    if (method !== 'POST') return createAnswer(405, '', 'text/plain', { allow: 'GET, POST' })
    if (onMessage === undefined) return isVerified(query) ? 'pass' : createAnswer(403)
    // In safe mode the message has a signature of its own. The signature of the query covers no
    // body.
    if (safeMode === undefined && !isVerified(query)) return createAnswer(403)
    try {
      const received = await body()
      const text = messageText(received, query)
      const isLowerCase = safeMode !== undefined && encryptedTextOf(received)?.isLowerCase === true
      return answerWithReply(await onMessage({ text, query, encrypted: safeMode !== undefined }), text, isLowerCase)
    } catch (error) {
      if (error instanceof HttpRefusal) return createAnswer(error.status, '', 'text/plain', error.headers)
      throw error
    }
  }
}
