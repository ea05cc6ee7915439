import type { DogErrorCode } from '../../../index.js'
import { redact, sanitize } from '../shared/redact.js'

export interface ErrorFields {
  key?: string
  /** Epoch milliseconds. */
  retryAt?: number
  path?: string
  /** Whatever was caught; only a sanitised copy is kept. */
  cause?: unknown
}

export class DogError extends Error {
  readonly code: DogErrorCode
  readonly key: string | undefined
  readonly retryAt: number | undefined
  readonly path: string | undefined

  constructor(code: DogErrorCode, message: string, fields: ErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: sanitize(fields.cause) })
    this.code = code
    this.key = fields.key
    this.retryAt = fields.retryAt
    this.path = fields.path
  }
}
Object.defineProperty(DogError.prototype, 'name', { value: 'DogError', configurable: true, writable: true })

/** A file system's error as ours, naming the path and what to do. */
export function storeError(path: string, problem: string, cause?: unknown, key?: string): DogError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  return new DogError('ERR_DOG_STORE', `${path}: ${problem}${code ? ` (${code})` : ''}`, { path, cause, key })
}

/** The error for a wrong call: the option's name, the rule, the value, its type. */
export function misuse(name: string, rule: string, value: unknown): TypeError {
  return new TypeError(`${name} ${rule}; got ${show(value)} (${kindOf(value)})`)
}

/** The same where the value may be a secret in the wrong place: only its type is told. */
export const misuseOfSecretOption = (name: string, rule: string, value: unknown): TypeError =>
  new TypeError(`${name} ${rule}; got ${kindOf(value)}`)

function show(value: unknown): string {
  if (typeof value === 'string') {
    // A token in the wrong place is still a secret, and often longer than what is shown of it.
    const clean = redact(value)
    return JSON.stringify(clean.length > 40 ? `${clean.slice(0, 40)}…` : clean)
  }
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return String(value)
}

const kindOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value)
