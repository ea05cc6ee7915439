import { type JsonObject, parseJsonObject } from './upstream-text.js'

/**
 * What an error that a user's task threw says of its upstream. The shape decides, not the class,
 * because tasks use HTTP clients of their own. The errors of undici, axios, got, ofetch, superagent,
 * request-promise and Octokit are understood, and so is a JSON object that was simply thrown.
 */
export interface ThrownAnswer {
  /** The error, the response attached to it, and the JSON objects in both. */
  objects: readonly JsonObject[]
  /** The HTTP status, if the error has one. */
  status: number | undefined
}

/** Where HTTP clients put a body. `error` is request-promise's. */
const BODY_FIELDS = ['body', 'data', '_data', 'error']

/** The JSON of an error is short. A longer text is not parsed. */
const MAX_JSON_BYTES = 100_000

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null

/** Reads a field of a thrown object, whose getters may throw. */
export function readField(object: JsonObject, field: string): unknown {
  try {
    return object[field]
  } catch {
    return undefined
  }
}

/** A body as an object. Clients leave JSON as text or bytes when they were not told what to expect. */
function bodyObject(body: unknown): JsonObject | undefined {
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return isObject(body) ? body : undefined
  if (body.length > MAX_JSON_BYTES) return undefined
  const text = typeof body === 'string' ? body : Buffer.from(body).toString('utf8')
  return text.trimStart().startsWith('{') ? parseJsonObject(text) : undefined
}

/** `undefined` if nothing was thrown that has fields. */
export function thrownAnswer(error: unknown): ThrownAnswer | undefined {
  if (!isObject(error)) return undefined
  const responses = [error, readField(error, 'response')].filter(isObject)
  const bodies = responses.flatMap((one) => BODY_FIELDS.map((field) => bodyObject(readField(one, field))))
  const status = responses
    .flatMap((one) => [readField(one, 'status'), readField(one, 'statusCode')])
    .find((one) => typeof one === 'number')
  return { objects: [...responses, ...bodies.filter((one) => one !== undefined)], status: status as number | undefined }
}

/**
 * Whether an object has one of these errcodes, as a number or a string. node-webot's clients put the
 * number into `code`. A string there is another program's code: Postgres calls a transaction that
 * must be repeated '40001'.
 */
export function hasErrcode(object: JsonObject, codes: readonly number[]): boolean {
  const errcode = readField(object, 'errcode')
  const code = readField(object, 'code')
  const number = typeof errcode === 'string' && /^\d{1,9}$/.test(errcode) ? Number(errcode) : errcode
  return codes.includes(number as number) || codes.includes(code as number)
}
