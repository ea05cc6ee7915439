/**
 * Errors that are fit to be shown. Those of `mysql2` are not: they carry the statement (`sql`) with
 * the values in it, and their messages may repeat parts of it.
 */

/** An error of the server or of the connection to it: its code, and a safe message. */
export class MysqlError extends Error {
  override readonly name = 'MysqlError'

  constructor(
    message: string,
    readonly code: string | undefined,
    /** The server refuses this now and later: a value that does not fit, or a missing right. */
    readonly isRefusal = false,
  ) {
    super(message)
  }
}

interface DriverError {
  code?: unknown
  /** The number of an error of the server. */
  errno?: unknown
  sqlState?: unknown
  message?: unknown
  fatal?: unknown
}

const fieldsOf = (error: unknown): DriverError => Object(error)

/** A shorter secret is not masked, because that would mask ordinary words. */
const MIN_SECRET_CHARS = 3

const LOCK_TIMEOUT = 1205
const DEADLOCK = 1213
/** The server takes no writes (any more). Another connection may lead to the one that took its place. */
const READ_ONLY = [1290, 1792, 1836]
/** Too many connections, of all or of this user: of SQLSTATE 42000, but over in a moment. */
const TOO_MANY_CONNECTIONS = [1040, 1203, 1226]
/** The server ended the connection or the statement: a shutdown, an administrator, a time-out. */
const ENDED_BY_SERVER = [1053, 1079, 1184, 1317, 1927, 1969, 3024, 3169, 4031]
const LOST_CONNECTION = ['PROTOCOL_CONNECTION_LOST', 'ECONNRESET', 'EPIPE']

/** The number of an error that the server sent; `undefined` for one of the connection. */
const serverErrno = ({ errno, sqlState }: DriverError): number | undefined =>
  typeof errno === 'number' && typeof sqlState === 'string' ? errno : undefined

/** A copy of an error that shows none of the secrets and nothing of a statement. */
export function toMysqlError(error: unknown, secrets: readonly string[]): MysqlError {
  const fields = fieldsOf(error)
  const { code, sqlState, message } = fields
  const knownCode = typeof code === 'string' ? code : undefined
  const isRefusal = !isTransient(error) && typeof sqlState === 'string' && /^(2[23]|42)/.test(sqlState)
  // The message about a value that does not fit, or about the syntax, repeats part of the statement.
  if (typeof sqlState === 'string' && (/^2[23]/.test(sqlState) || code === 'ER_PARSE_ERROR')) {
    return new MysqlError('the database refused what it was given', knownCode, isRefusal)
  }
  let text = typeof message === 'string' && message !== '' ? message : (knownCode ?? 'an unknown error')
  // A refusal names the user and its host.
  text = text.replace(/'[^']*'@'[^']*'/g, 'this user')
  for (const secret of secrets) if (secret.length >= MIN_SECRET_CHARS) text = text.replaceAll(secret, '***')
  return new MysqlError(text, knownCode, isRefusal)
}

/** Whether the server answered with an error that leaves the connection as good as before. */
export function leavesConnectionUsable(error: unknown): boolean {
  const fields = fieldsOf(error)
  const errno = serverErrno(fields)
  return errno !== undefined && fields.fatal !== true && ![...READ_ONLY, ...ENDED_BY_SERVER].includes(errno)
}

/**
 * Whether another try may succeed: the connection was lost, or two transactions were in each
 * other's way. Every statement may be run twice.
 */
export function isTransient(error: unknown): boolean {
  const fields = fieldsOf(error)
  const errno = serverErrno(fields)
  if (errno !== undefined) {
    return [DEADLOCK, LOCK_TIMEOUT, ...READ_ONLY, ...TOO_MANY_CONNECTIONS, ...ENDED_BY_SERVER].includes(errno)
  }
  // A connection that ended while it was idle refuses the next statement without a code.
  return fields.code === undefined
    ? /closed state|closed connection/.test(String(fields.message))
    : LOST_CONNECTION.includes(String(fields.code))
}

export const isMissingTable = (error: unknown): boolean => fieldsOf(error).code === 'ER_NO_SUCH_TABLE'

export const isDuplicateKey = (error: unknown): boolean => fieldsOf(error).code === 'ER_DUP_ENTRY'
