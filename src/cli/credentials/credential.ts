// What every form of a credential is made of.

export interface Credential {
  key: string
  /** A text; for some forms an object, such as the parts of an AWS credential. */
  value: unknown
  /** Epoch milliseconds. */
  expiresAt: number
  env: NodeJS.ProcessEnv
  /** Where the credential is good: `netrc` needs it. */
  host?: string
  /** The name of the user, for `netrc` and `git`. Default: what the consumer asks for, else `x-access-token`. */
  user?: string
  /** What the consumer wrote to standard input: the request of git. */
  request?: string
}

/** Hosts of git that take a token as the password take this name: it is GitHub's. */
export const DEFAULT_USER = 'x-access-token'

/** The expiry of a value that never expires. */
const NEVER_MS = 8.64e15
/** Of the year 9999: what consumers read as a date with four digits. */
const MAX_SHOWN_MS = 253_402_300_799_000

/** The expiry as a consumer reads it; undefined for a value that never expires. */
export const expiryOf = ({ expiresAt }: Credential): Date | undefined =>
  expiresAt >= Math.min(NEVER_MS, MAX_SHOWN_MS) ? undefined : new Date(Math.floor(expiresAt / 1000) * 1000)

/** RFC 3339, without fractions of a second. */
export const rfc3339 = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, 'Z')

/**
 * The value as one line: what is written where a line is a field. A control character could begin
 * another header or field.
 *
 * @throws Error that shows nothing of the value.
 */
export function lineOf(what: string, value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number') {
    throw new Error(`${what} is no text, so it needs --field: the name of a member that is`)
  }
  const text = String(value)
  if (text === '') throw new Error(`${what} is empty`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to refuse
  if (/[\u0000-\u001f\u007f\u0085\u2028\u2029]/.test(text)) {
    throw new Error(`${what} has a line break or another control character, which this form cannot carry`)
  }
  return text
}

/** The members of a value that is an object, or the text of one. */
export function membersOf({ value }: Credential): Record<string, unknown> | undefined {
  let found = value
  if (typeof value === 'string' && value.trimStart().startsWith('{')) {
    try {
      found = JSON.parse(value)
    } catch {
      return undefined
    }
  }
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as Record<string, unknown>) : undefined
}
