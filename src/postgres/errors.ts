/**
 * Errors that are fit to be shown. Those of `pg` are not: they carry rows (`detail`), and their
 * messages may repeat what the server was sent.
 */

/**
 * An error of Postgres or of the connection to it: its SQLSTATE or system code, and a safe message.
 */
export class PostgresError extends Error {
  override readonly name = 'PostgresError'
  readonly code: string | undefined

  constructor(message: string, code: string | undefined) {
    super(message)
    this.code = code
  }

  /**
   * The server refuses this now and later: a value that does not fit, or a missing right to the
   * table.
   */
  get isRefusal(): boolean {
    return /^(2[23]|42)...$/.test(this.code ?? '')
  }
}

/** A shorter secret is not masked, because that would mask ordinary words. */
const MIN_SECRET_CHARS = 3

const isSqlState = (code: unknown): code is string => typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)
const fieldsOf = (error: unknown): { code?: unknown; severity?: unknown; message?: unknown } => Object(error)

/** A copy of an error that shows none of the secrets. */
export function toPostgresError(error: unknown, secrets: readonly string[]): PostgresError {
  const { code, message } = fieldsOf(error)
  const knownCode = typeof code === 'string' ? code : undefined
  // The message about a value that does not fit may contain the value.
  if (isSqlState(code) && /^2[23]/.test(code)) return new PostgresError('the database refused what it was given', code)
  let text = typeof message === 'string' && message !== '' ? message : (knownCode ?? 'an unknown error')
  for (const secret of secrets) if (secret.length >= MIN_SECRET_CHARS) text = text.replaceAll(secret, '***')
  return new PostgresError(text, knownCode)
}

/**
 * The server takes no writes (any more). Another connection may lead to the server that took its
 * place.
 */
const READ_ONLY = '25006'

/** Whether the server answered with an error that leaves the connection as good as before. */
export function leavesConnectionUsable(error: unknown): boolean {
  const { code, severity } = fieldsOf(error)
  return isSqlState(code) && severity === 'ERROR' && code !== READ_ONLY
}

const SERIALIZATION_FAILURE = '40001'
const DEADLOCK = '40P01'
const LOST_CONNECTION = ['ECONNRESET', 'EPIPE', '57P01', '57P02', '57P05', '08003', '08006', READ_ONLY]
/** `pg` gives no code to these errors of a lost connection. */
const LOST_CONNECTION_TEXT = /^(Connection terminated unexpectedly|Client has encountered a connection error)/

/**
 * Whether another try may succeed: the connection was lost, or two transactions were in each
 * other's way. Every statement may be run twice.
 */
export function isTransient(error: unknown): boolean {
  const { code, message } = fieldsOf(error)
  if (code === SERIALIZATION_FAILURE || code === DEADLOCK) return true
  return code === undefined ? LOST_CONNECTION_TEXT.test(String(message)) : LOST_CONNECTION.includes(String(code))
}

export const isMissingTable = (error: unknown): boolean => fieldsOf(error).code === '42P01'

/** Whether another process created the table at the same moment. */
export const isTableAlreadyCreated = (error: unknown): boolean =>
  ['42P07', '42710', '23505'].includes(String(fieldsOf(error).code))
