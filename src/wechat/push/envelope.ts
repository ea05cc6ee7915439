// What stands around an encrypted message: XML or JSON. It reads the one member that it needs, and builds the four of a reply;
// it is no XML parser, so that there are no entities to expand. It deliberately knows nothing of keys.

/** The largest body that is looked at, in characters. Real ones have a few thousand. */
export const LONGEST_BODY = 1 << 20

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/** The text between two others. By search and not by a pattern: its time is linear in what a stranger sends. */
function between(text: string, start: string, end: string): string | undefined {
  const from = text.indexOf(start)
  if (from < 0) return undefined
  const to = text.indexOf(end, from + start.length)
  return to < 0 ? undefined : text.slice(from + start.length, to)
}

function fromXml(text: string): string | undefined {
  const content = between(text, '<Encrypt>', '</Encrypt>')?.trim()
  return content?.startsWith('<![CDATA[') ? between(content, '<![CDATA[', ']]>') : content
}

function fromJson(text: string): unknown {
  try {
    return (JSON.parse(text) as { Encrypt?: unknown } | null)?.Encrypt
  } catch {
    return undefined
  }
}

function fromText(text: string): unknown {
  const trimmed = text.trim()
  if (trimmed.startsWith('<')) return fromXml(trimmed)
  return trimmed.startsWith('{') ? fromJson(trimmed) : trimmed
}

/** The encrypted text in a body of any kind: XML, JSON, bytes of either, a parsed object, or itself. */
export function encryptOf(body: unknown): string | undefined {
  if (body instanceof Uint8Array && body.length > LONGEST_BODY) return undefined
  const given = body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : body
  if (typeof given === 'string' && given.length > LONGEST_BODY) return undefined
  const isObject = typeof given === 'object' && given !== null
  const found = typeof given === 'string' ? fromText(given) : isObject ? memberOf(given, 'Encrypt') : undefined
  return typeof found === 'string' && found.length <= LONGEST_BODY && BASE64.test(found) ? found : undefined
}

function memberOf(object: object, name: string): unknown {
  try {
    return (object as Record<string, unknown>)[name]
  } catch {
    return undefined
  }
}

/** The members of a sealed message. */
interface Sealed {
  Encrypt: string
  MsgSignature: string
  TimeStamp: number
  Nonce: string
}

const cdata = (text: string): string => `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`

/** A sealed message as XML, which is what the platform wants as an answer to XML. */
export function messageXml({ Encrypt, MsgSignature, TimeStamp, Nonce }: Sealed): string {
  const members = [
    `<Encrypt>${cdata(Encrypt)}</Encrypt>`,
    `<MsgSignature>${cdata(MsgSignature)}</MsgSignature>`,
    `<TimeStamp>${Number(TimeStamp)}</TimeStamp>`,
    `<Nonce>${cdata(Nonce)}</Nonce>`,
  ]
  return `<xml>${members.join('')}</xml>`
}
