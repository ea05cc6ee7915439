/** What is answered when there is no answer: problem details (RFC 9457), without secrets and without internals. */

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

export interface ProblemFields {
  /** Seconds, as Retry-After says. */
  retryAfter?: number
  /** Epoch milliseconds before which no process fetches. */
  retryAt?: number
  headers?: Record<string, string>
}

/** Thrown by a handler, it becomes the answer. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    /** Stable, for programs: `unauthorized`, `ERR_DOG_FETCH`, … */
    readonly code: string,
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
    const { retryAt } = this.fields
    const type = `urn:dotdog:problem:${code.toLowerCase().replaceAll('_', '-')}`
    return JSON.stringify({ type, title: TITLES[status] ?? 'Error', status, detail, code, retryAt })
  }
}

/** Whose messages may leave: they tell of the upstream, and are redacted. Those of stores name files and hosts. */
const OUTSPOKEN = ['ERR_DOG_FETCH', 'ERR_DOG_FETCH_TIMEOUT', 'ERR_DOG_FETCH_RESULT', 'ERR_DOG_QUOTA', 'ERR_DOG_REJECTED']

const WORDS: Record<string, string> = {
  ERR_DOG_NO_FETCHER: 'There is no value, and nobody here to fetch one',
  ERR_DOG_WAIT_TIMEOUT: 'No value came in time',
  ERR_DOG_CLOSED: 'The server is shutting down',
  ERR_DOG_STORE: 'The store of the values is in trouble; the server’s log says more',
}

/** What may be told of a failure. */
export const publicMessage = (code: string, message: string): string =>
  OUTSPOKEN.includes(code) ? message : (WORDS[code] ?? 'The value is not to be had; the server’s log says more')

/** Whether it is a DogError, of whichever copy of the package. */
export const isDogError = (error: unknown): error is { code: string; message: string; retryAt?: number } =>
  error instanceof Error && /^ERR_DOG_[A-Z_]+$/.test(String((error as { code?: unknown }).code))

/** A failure as an answer. Undefined: a fault of ours, of which nothing is told. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error
  if (!isDogError(error)) return undefined
  const { code, message, retryAt } = error
  const detail = publicMessage(code, message)
  if (code === 'ERR_DOG_NO_FETCHER') return new Problem(404, code, detail)
  const wait = Math.ceil(((retryAt ?? 0) - Date.now()) / 1000)
  return new Problem(503, code, detail, { retryAfter: Math.min(86_400, Math.max(1, wait)), retryAt })
}
