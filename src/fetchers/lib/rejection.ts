// What the error of a user's task says of the token.
import { hasErrcode, readField, thrownAnswer } from '../../core/shared/upstream/thrown-answer.js'
import { FetcherError } from './errors.js'

export interface RejectionHints {
  /** The HTTP status, if the error has one. */
  status: number | undefined
  /**
   * Whether a field of the error, or of the response attached to it, has one of these values, as a
   * number or a string.
   */
  has(field: string, ...values: (number | string)[]): boolean
  /** Whether the error, or the response attached to it, has one of these errcodes. */
  hasErrcode(...codes: number[]): boolean
}

/** `undefined` if the error says nothing of the token: it is our own error, or not an object. */
export function hintsOf(error: unknown): RejectionHints | undefined {
  const answer = error instanceof FetcherError ? undefined : thrownAnswer(error)
  if (answer === undefined) return undefined
  const { objects, status } = answer
  const has = (field: string, ...values: (number | string)[]) =>
    objects.some((object) => {
      const value = readField(object, field)
      return (typeof value === 'number' || typeof value === 'string') && values.some((one) => String(one) === String(value))
    })
  return { status, has, hasErrcode: (...codes) => objects.some((object) => hasErrcode(object, codes)) }
}
