// What is answered to a request of the platform, as a function of the request: no sockets and no framework, so that its tests
// need neither.
import { messageXml } from './envelope.js'
import { decryptMessage, encryptMessage, keyOf, MessageError, type PushAccount } from './message-crypto.js'
import { type PushQuery, textOf, verifySignature } from './signature.js'

/** A message that the platform pushed, proven to be its own. */
export interface PushedMessage {
  /** As the platform wrote it, XML or JSON; decrypted. */
  text: string
  query: PushQuery
  /** Whether it came encrypted. */
  encrypted: boolean
}

/** The passive reply, XML or JSON: sealed where the message was. Nothing, `''` and `'success'` are answered as `success`. */
export type MessageReply = string | undefined

export interface HandshakeOptions {
  /** The Token that you chose in the console. */
  token: string
  /** For safe mode, with `encodingAESKey`. A message that is not encrypted is refused then. */
  appId?: string
  /** 43 characters, for safe mode. */
  encodingAESKey?: string
  /** Seconds that a request's timestamp may be away from now: a replay window. Default: any. */
  maxAge?: number
  /** Takes the messages; the platform waits 5 s for the reply. Without it, a verified POST goes on to the next handler. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that replies nothing returns nothing, on any branch
  onMessage?: (message: PushedMessage) => MessageReply | void | Promise<MessageReply | void>
}

export interface PushRequest {
  method: string
  query: PushQuery
  /** Asked for once, and not before it is needed. Rejects with a {@link Refusal}. */
  body(): Promise<unknown>
}

export interface PushAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

/** `pass`: the request is the platform's, and somebody else's to answer. */
export type Answering = (request: PushRequest) => Promise<PushAnswer | 'pass'>

/** A request that gets no more than a status. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly headers: Record<string, string> = {},
  ) {
    super(`status ${status}`)
  }
}

const LONGEST_ECHO = 2048

/** `nosniff`: what is echoed was chosen by whoever sent the request, and must not become a page. */
export function answerOf(status: number, body = '', type = 'text/plain', more: Record<string, string> = {}): PushAnswer {
  return { status, headers: { 'content-type': `${type}; charset=utf-8`, 'x-content-type-options': 'nosniff', ...more }, body }
}

function typeOf(text: string): string {
  const first = text.trimStart()[0]
  return first === '<' ? 'application/xml' : first === '{' ? 'application/json' : 'text/plain'
}

/** A body as text. A framework may have parsed it; an object is JSON again. */
function bodyText(body: unknown): string {
  const text = body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : body
  if (typeof text !== 'string' && (typeof text !== 'object' || text === null)) throw new Refusal(400)
  return typeof text === 'string' ? text : JSON.stringify(text)
}

function checkOptions(options: HandshakeOptions): PushAccount | undefined {
  if (typeof options !== 'object' || options === null) throw new TypeError('handshake wants an object: { token }')
  const { token, appId, encodingAESKey, maxAge, onMessage } = options
  // The Token is a secret: only its type is told.
  if (typeof token !== 'string' || token === '') throw new TypeError(`token must be a non-empty string; got ${typeof token}`)
  if (maxAge !== undefined && !(typeof maxAge === 'number' && maxAge > 0)) {
    throw new TypeError(`maxAge must be a number of seconds over 0; got ${String(maxAge)} (${typeof maxAge})`)
  }
  if (onMessage !== undefined && typeof onMessage !== 'function') {
    throw new TypeError(`onMessage must be a function; got a value of type ${typeof onMessage}`)
  }
  if (encodingAESKey === undefined) return undefined
  const account = { token, appId: appId as string, encodingAESKey }
  keyOf(account)
  return account
}

/**
 * Makes the function that answers.
 *
 * @throws TypeError for a wrong option.
 */
export function answering(options: HandshakeOptions): Answering {
  const safe = checkOptions(options)
  const { token, maxAge, onMessage } = options
  const isOurs = (query: PushQuery): boolean => verifySignature(query, token, { maxAge })

  function opened(body: unknown, query: PushQuery): string {
    if (safe === undefined) return bodyText(body)
    try {
      return decryptMessage(body, query, safe, { maxAge })
    } catch (error) {
      if (!(error instanceof MessageError)) throw error
      throw new Refusal(error.code === 'WECHAT_PUSH_SIGNATURE' || error.code === 'WECHAT_PUSH_TOO_OLD' ? 403 : 400)
    }
  }

  function replied(reply: unknown, text: string): PushAnswer {
    if (reply === undefined || reply === '' || reply === 'success') return answerOf(200, 'success')
    if (typeof reply !== 'string') throw new TypeError(`onMessage must answer a string or nothing; got ${typeof reply}`)
    if (safe === undefined) return answerOf(200, reply, typeOf(reply))
    const sealed = encryptMessage(reply, safe)
    // In the language of the message.
    const json = typeOf(text) === 'application/json'
    return answerOf(200, json ? JSON.stringify(sealed) : messageXml(sealed), json ? 'application/json' : 'application/xml')
  }

  return async ({ method, query, body }) => {
    if (method === 'GET') {
      const echo = textOf(query.echostr, LONGEST_ECHO)
      return echo !== undefined && isOurs(query) ? answerOf(200, echo) : answerOf(403)
    }
    if (method !== 'POST') return answerOf(405, '', 'text/plain', { allow: 'GET, POST' })
    // In safe mode the message has a signature of its own; the other one covers no body.
    if (onMessage === undefined) return isOurs(query) ? 'pass' : answerOf(403)
    if (safe === undefined && !isOurs(query)) return answerOf(403)
    try {
      const text = opened(await body(), query)
      return replied(await onMessage({ text, query, encrypted: safe !== undefined }), text)
    } catch (error) {
      if (error instanceof Refusal) return answerOf(error.status, '', 'text/plain', error.headers)
      throw error
    }
  }
}
