// What an error of a user's task says of the token. By shape, not by class: tasks use HTTP clients of their own. undici, axios,
// got, ofetch, Octokit and an object of JSON that was simply thrown are all understood.
import { FetcherError } from './errors.js'

export interface Signs {
  status: number | undefined
  /** Whether a field of the error, or of the answer that hangs on it, has one of these values, as a number or a text. */
  has(field: string, ...values: (number | string)[]): boolean
}

type Part = Record<string, unknown>

const isPart = (value: unknown): value is Part => typeof value === 'object' && value !== null

/** A getter of a thrown thing may throw in turn. */
function read(part: Part, field: string): unknown {
  try {
    return part[field]
  } catch {
    return undefined
  }
}

/** `undefined`: it says nothing, being our own word or no object. */
export function signsOf(error: unknown): Signs | undefined {
  if (!isPart(error) || error instanceof FetcherError) return undefined
  const answers = [error, read(error, 'response')].filter(isPart)
  const bodies = answers.flatMap((part) => [read(part, 'body'), read(part, 'data')]).filter(isPart)
  const parts = [...answers, ...bodies]
  const status = answers
    .flatMap((part) => [read(part, 'status'), read(part, 'statusCode')])
    .find((one) => typeof one === 'number')
  const has = (field: string, ...values: (number | string)[]) =>
    parts.some((part) => {
      const value = read(part, field)
      return (typeof value === 'number' || typeof value === 'string') && values.some((one) => String(one) === String(value))
    })
  return { status: status as number | undefined, has }
}
