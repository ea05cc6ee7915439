/** What went wrong, without what must not be told: `pg`'s errors carry rows (`detail`), and may repeat what they were given. */

/** An error of Postgres or of the connection to it: its SQLSTATE or system code, and a message fit to be shown. */
export class Fault extends Error {
  override readonly name = 'PostgresError'
  readonly code: string | undefined

  constructor(message: string, code: string | undefined) {
    super(message)
    this.code = code
  }

  /** The server will not, now or later: a value that does not fit, or no right to the table. */
  get isRefusal(): boolean {
    return /^(2[23]|42)...$/.test(this.code ?? '')
  }
}

/** So short a secret would mask ordinary words. */
const SHORTEST = 3

const isSqlState = (code: unknown): code is string => typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)
const fieldsOf = (error: unknown): { code?: unknown; severity?: unknown; message?: unknown } => Object(error)

export function faultOf(error: unknown, secrets: readonly string[]): Fault {
  const { code, message } = fieldsOf(error)
  const known = typeof code === 'string' ? code : undefined
  // Of a value that does not fit, the message may have the value.
  if (isSqlState(code) && /^2[23]/.test(code)) return new Fault('the database refused what it was given', code)
  let text = typeof message === 'string' && message !== '' ? message : (known ?? 'an unknown error')
  for (const secret of secrets) if (secret.length >= SHORTEST) text = text.replaceAll(secret, '***')
  return new Fault(text, known)
}

/** A server that takes no writes (any more): another connection may lead to the one that took its place. */
const READ_ONLY = '25006'

/** The server answered, and the connection is as good as before. */
export function isAnswer(error: unknown): boolean {
  const { code, severity } = fieldsOf(error)
  return isSqlState(code) && severity === 'ERROR' && code !== READ_ONLY
}

const LOST = ['ECONNRESET', 'EPIPE', '57P01', '57P02', '57P05', '08003', '08006', READ_ONLY]
/** `pg` gives these no code. */
const LOST_TEXT = /^(Connection terminated unexpectedly|Client has encountered a connection error)/

/** The connection was lost, or two transactions were in each other's way: worth another try. Every step may be done twice. */
export function isPassing(error: unknown): boolean {
  const { code, message } = fieldsOf(error)
  if (code === '40001' || code === '40P01') return true
  return code === undefined ? LOST_TEXT.test(String(message)) : LOST.includes(String(code))
}

export const isMissingTable = (error: unknown): boolean => fieldsOf(error).code === '42P01'

/** Somebody else made the table in the same moment. */
export const isMadeAlready = (error: unknown): boolean => ['42P07', '42710', '23505'].includes(String(fieldsOf(error).code))
