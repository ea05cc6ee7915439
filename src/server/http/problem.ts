/** Error answers: problem details (RFC 9457), without secrets and without internals. */

const TITLES: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

const MAX_RETRY_AFTER_S = 86_400

export interface ProblemFields {
  /** Seconds, sent as Retry-After. */
  retryAfter?: number
  /** Epoch milliseconds before which no process fetches. */
  retryAt?: number
  /** What the upstream said, if clients may read the message too. */
  details?: unknown
  headers?: Record<string, string>
  /** For the server's log only: more than the client may know. */
  logReason?: string
}

/**
 * An error answer. A handler throws it, and the server sends it.
 *
 * @example
 * throw new Problem(404, 'unknown_key', 'There is no such key')
 */
export class Problem extends Error {
  constructor(
    /** The HTTP status. */
    readonly status: number,
    /** Stable, for programs: `unauthorized`, `ERR_DOG_FETCH`, … */
    readonly code: string,
    /** One sentence for people. It leaves the server, so it must hold no secret. */
    readonly detail: string,
    readonly fields: ProblemFields = {},
  ) {
    super(detail)
  }

  get headers(): Record<string, string> {
    const { retryAfter, headers } = this.fields
    return { ...headers, ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }) }
  }

  get body(): string {
    const { status, code, detail } = this
    const { retryAt, details } = this.fields
    const type = `urn:dotdog:problem:${code.toLowerCase().replaceAll('_', '-')}`
    return JSON.stringify({ type, title: TITLES[status] ?? 'Error', status, detail, code, retryAt, details })
  }
}

/**
 * Errors whose messages clients may read: they are about the upstream, and redacted. Messages of
 * stores name files and hosts.
 */
const CODES_WITH_PUBLIC_MESSAGE = [
  'ERR_DOG_FETCH',
  'ERR_DOG_FETCH_TIMEOUT',
  'ERR_DOG_FETCH_RESULT',
  'ERR_DOG_QUOTA',
  'ERR_DOG_REJECTED',
]

const PUBLIC_MESSAGES: Record<string, string> = {
  ERR_DOG_NO_FETCHER: 'There is no value, and no process to fetch one',
  ERR_DOG_WAIT_TIMEOUT: 'No value arrived in time',
  ERR_DOG_CLOSED: 'The server is shutting down',
  ERR_DOG_STORE: 'The store of the values failed; the server’s log has the details',
}

/** Whether clients may read the message and the details of an error. */
export const isPublic = (code: string): boolean => CODES_WITH_PUBLIC_MESSAGE.includes(code)

/** What a client may read about a failure. */
export const publicMessage = (code: string, message: string): string =>
  isPublic(code) ? message : (PUBLIC_MESSAGES[code] ?? 'The value is not available; the server’s log has the details')

/** Returns whether it is a DogError, of whichever copy of the package. */
export const isDogError = (error: unknown): error is { code: string; message: string; retryAt?: number; details?: unknown } =>
  error instanceof Error && /^ERR_DOG_[A-Z_]+$/.test(String((error as { code?: unknown }).code))

/**
 * The answer for an error. Undefined for an internal error, about which clients are told nothing.
 */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error
  if (!isDogError(error)) return undefined
  const { code, message, retryAt, details } = error
  const detail = publicMessage(code, message)
  if (code === 'ERR_DOG_NO_FETCHER') return new Problem(404, code, detail)
  const waitS = Math.ceil(((retryAt ?? 0) - Date.now()) / 1000)
  const retryAfter = Math.min(MAX_RETRY_AFTER_S, Math.max(1, waitS))
  return new Problem(503, code, detail, { retryAfter, retryAt, ...(isPublic(code) && { details }) })
}
