// What the error of a user's task says of the token. Its shape decides, not its class, because
// tasks use HTTP clients of their own. The errors of undici, axios, got, ofetch and Octokit are
// understood, and so is a JSON object that was simply thrown.
import { FetcherError } from './errors.js'

export interface RejectionHints {
  /** The HTTP status, if the error has one. */
  status: number | undefined
  /**
   * Whether a field of the error, or of the response attached to it, has one of these values, as a
   * number or a string.
   */
  has(field: string, ...values: (number | string)[]): boolean
}

type Fields = Record<string, unknown>

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null

/** Reads a field of a thrown object, whose getters may throw. */
function read(object: Fields, field: string): unknown {
  try {
    return object[field]
  } catch {
    return undefined
  }
}

/** `undefined` if the error says nothing of the token: it is our own error, or not an object. */
export function hintsOf(error: unknown): RejectionHints | undefined {
  if (!isObject(error) || error instanceof FetcherError) return undefined
  const responses = [error, read(error, 'response')].filter(isObject)
  const bodies = responses.flatMap((one) => [read(one, 'body'), read(one, 'data')]).filter(isObject)
  const objects = [...responses, ...bodies]
  const status = responses
    .flatMap((one) => [read(one, 'status'), read(one, 'statusCode')])
    .find((one) => typeof one === 'number')
  const has = (field: string, ...values: (number | string)[]) =>
    objects.some((object) => {
      const value = read(object, field)
      return (typeof value === 'number' || typeof value === 'string') && values.some((one) => String(one) === String(value))
    })
  return { status: status as number | undefined, has }
}
