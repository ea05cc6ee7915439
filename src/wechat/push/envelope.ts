// The XML or JSON around an encrypted message. This file reads the one member that it needs, and
// builds the four members of a reply. It is no XML parser, so that there are no entities to expand.
// It knows nothing of keys.

/**
 * The largest body that is read, in bytes; also the longest text, in characters. Real bodies have a
 * few thousand.
 */
export const MAX_BODY_BYTES = 1 << 20

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/**
 * An encrypted message on its way to the platform. Pass it to `JSON.stringify`, or to `messageXml`.
 */
export interface SealedMessage {
  Encrypt: string
  MsgSignature: string
  /** Epoch seconds. */
  TimeStamp: number
  Nonce: string
}

/**
 * The same in the lower case of WeCom's bots. They send `{"encrypt":"…"}`, and expect such a reply.
 */
export interface LowerCaseMessage {
  encrypt: string
  msgsignature: string
  /** Epoch seconds. */
  timestamp: number
  nonce: string
}

export const lowerCaseMessage = ({ Encrypt, MsgSignature, TimeStamp, Nonce }: SealedMessage): LowerCaseMessage => ({
  encrypt: Encrypt,
  msgsignature: MsgSignature,
  timestamp: TimeStamp,
  nonce: Nonce,
})

/**
 * The text between two others. By search and not by a pattern, so that its time is linear in what a
 * stranger sends.
 */
function between(text: string, start: string, end: string): string | undefined {
  const from = text.indexOf(start)
  if (from < 0) return undefined
  const to = text.indexOf(end, from + start.length)
  return to < 0 ? undefined : text.slice(from + start.length, to)
}

function encryptFromXml(text: string): string | undefined {
  const content = between(text, '<Encrypt>', '</Encrypt>')?.trim()
  return content?.startsWith('<![CDATA[') ? between(content, '<![CDATA[', ']]>') : content
}

export interface EncryptedText {
  text: string
  /** The member was `encrypt`. */
  isLowerCase: boolean
}

interface Found {
  text: unknown
  isLowerCase: boolean
}

function encryptFromJson(text: string): Found | undefined {
  try {
    return readEncrypt(JSON.parse(text))
  } catch {
    return undefined
  }
}

function encryptFromText(text: string): Found | undefined {
  const trimmed = text.trim()
  if (trimmed.startsWith('{')) return encryptFromJson(trimmed)
  return { text: trimmed.startsWith('<') ? encryptFromXml(trimmed) : trimmed, isLowerCase: false }
}

/**
 * The encrypted text in a body of any kind: XML, JSON, bytes of either, a parsed object, or the
 * encrypted text itself.
 */
export function encryptedTextOf(body: unknown): EncryptedText | undefined {
  if (body instanceof Uint8Array && body.length > MAX_BODY_BYTES) return undefined
  const content = body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : body
  if (typeof content === 'string' && content.length > MAX_BODY_BYTES) return undefined
  const { text, isLowerCase = false } = (typeof content === 'string' ? encryptFromText(content) : readEncrypt(content)) ?? {}
  return typeof text === 'string' && text.length <= MAX_BODY_BYTES && BASE64.test(text) ? { text, isLowerCase } : undefined
}

function readEncrypt(body: unknown): Found | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  try {
    const { Encrypt, encrypt } = body as { Encrypt?: unknown; encrypt?: unknown }
    return Encrypt === undefined ? { text: encrypt, isLowerCase: true } : { text: Encrypt, isLowerCase: false }
  } catch {
    // A getter that throws.
    return undefined
  }
}

const cdata = (text: string): string => `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`

/**
 * A sealed message as XML. The platform expects XML as the answer to XML.
 *
 * @example response.type('xml').send(messageXml(encryptMessage(xml, { appId, token, encodingAESKey })))
 */
export function messageXml({ Encrypt, MsgSignature, TimeStamp, Nonce }: SealedMessage): string {
  const members = [
    `<Encrypt>${cdata(Encrypt)}</Encrypt>`,
    `<MsgSignature>${cdata(MsgSignature)}</MsgSignature>`,
    `<TimeStamp>${Number(TimeStamp)}</TimeStamp>`,
    `<Nonce>${cdata(Nonce)}</Nonce>`,
  ]
  return `<xml>${members.join('')}</xml>`
}
