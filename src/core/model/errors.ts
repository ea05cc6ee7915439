import type { DogErrorCode } from '../../../index.js'
import { sanitize } from '../shared/redact.js'
import { codeOf } from '../shared/system-code.js'
import { type Details, toDetails } from './details.js'

export interface ErrorFields {
  key?: string
  /** Epoch milliseconds. */
  retryAt?: number
  path?: string
  /** What an upstream said. A plain, redacted copy of it is kept. */
  details?: unknown
  /** Anything that was caught. Only a sanitised copy of it is kept. */
  cause?: unknown
}

export class DogError extends Error {
  static {
    // The published engine is minified, which shortens the name of this class. `inspect` prints the
    // name of the class, and `toString` the name in the prototype.
    const name = { value: 'DogError', configurable: true, writable: true }
    for (const owner of [DogError, DogError.prototype]) Object.defineProperty(owner, 'name', name)
  }

  readonly code: DogErrorCode
  readonly key: string | undefined
  readonly retryAt: number | undefined
  readonly path: string | undefined
  readonly details: Details | undefined

  constructor(code: DogErrorCode, message: string, fields: ErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: sanitize(fields.cause) })
    this.code = code
    this.key = fields.key
    this.retryAt = fields.retryAt
    this.path = fields.path
    this.details = toDetails(fields.details)
  }
}
/** Whether something caught is a DogError, also one of another installed copy of this package. */
export function isDogError(error: unknown): error is DogError {
  try {
    if (error instanceof DogError) return true
    const { name, code } = Object(error) as Partial<DogError>
    return name === 'DogError' && typeof code === 'string' && code.startsWith('ERR_DOG_')
  } catch {
    // A revoked proxy throws when it is asked what it is.
    return false
  }
}

/**
 * The `ERR_DOG_STORE` for an error of the file system. The message names the path, the problem and
 * the system's code.
 */
export function storeError(path: string, problem: string, cause?: unknown, key?: string): DogError {
  const code = codeOf(cause)
  return new DogError('ERR_DOG_STORE', `${path}: ${problem}${code ? ` (${code})` : ''}`, { path, cause, key })
}
