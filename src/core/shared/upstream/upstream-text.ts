import { parseExactJson } from './exact-json.js'

/**
 * What an upstream answered, as text: reading it as JSON, naming what it is instead, and making it
 * fit for an error message.
 */

export type JsonObject = Record<string, unknown>

/**
 * The JSON object that a text holds, whatever the content type was; `undefined` for anything else.
 */
export function parseJsonObject(text: string): JsonObject | undefined {
  const value = parseJson(text)
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
}

/** JSON.parse quotes the text in its message, and a truncated response may hold a whole token. */
function parseJson(text: string): unknown {
  try {
    return parseExactJson(text)
  } catch {
    return undefined
  }
}

/** What a text is that is not a JSON object, with its size and without a letter of it. */
export function describeNonObject(text: string): string {
  return `${kindOf(text)}, ${Buffer.byteLength(text)} bytes`
}

function kindOf(text: string): string {
  if (text.trim() === '') return 'an empty response'
  if (/^\s*</.test(text)) return 'HTML instead of JSON'
  return parseJson(text) === undefined ? 'not valid JSON' : 'not a JSON object'
}

/** A longer text is cut, because a message is for a person. */
const MAX_TEXT_CHARS = 300

/** The forms in which an upstream may repeat a secret. */
const formsOf = (secret: string): string[] => [
  secret,
  encodeURIComponent(secret.toWellFormed()),
  JSON.stringify(secret).slice(1, -1),
  Buffer.from(secret).toString('base64'),
]

/**
 * An upstream's text as an error may show it: every given secret is masked, every URL loses its
 * query, and control characters become spaces, so that the text cannot write lines into a log.
 */
export function redactUpstreamText(text: string, secrets: readonly string[]): string {
  let clean = text
  for (const secret of secrets) {
    if (secret !== '') for (const form of formsOf(secret)) clean = clean.replaceAll(form, '***')
  }
  return (
    clean
      .replace(/\b(https?:\/\/[^\s?#"'<>]*)[?#][^\s"'<>]*/gi, '$1')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to remove
      .replace(/[\u0000-\u001f\u007f]+/g, ' ')
      .trim()
      // Cut last: half a secret would not be recognised.
      .slice(0, MAX_TEXT_CHARS)
  )
}
