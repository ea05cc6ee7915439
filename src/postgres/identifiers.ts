import type { Rule } from '../core/shared/validate.js'

/** Tables, keys and endpoints as text. Pure. */

/** Postgres cuts a longer name off without an error, so that two names would be one. */
const MAX_NAME_BYTES = 63

/** A table as it was given: `table` or `schema.table`, case-sensitive. */
export interface Table {
  /** Quoted, for SQL. */
  sql: string
  /**
   * The channel of its notifications: the table's own name without the schema, which need not be
   * known.
   */
  channel: string
}

export const TABLE: Rule = {
  test: (value: unknown) => {
    const parts = typeof value === 'string' ? value.split('.') : []
    return (parts.length === 1 || parts.length === 2) && parts.every(isName)
  },
  rule: `must be a name or schema.name, without quotes, each of 1 to ${MAX_NAME_BYTES} bytes`,
}

/** @param table a text that passes the rule {@link TABLE} */
export function parseTable(table: string): Table {
  const parts = table.split('.')
  return { sql: parts.map(quote).join('.'), channel: parts.at(-1)! }
}

const isName = (part: string): boolean =>
  part.trim() === part && part !== '' && !/["\0]/.test(part) && part.isWellFormed() && Buffer.byteLength(part) <= MAX_NAME_BYTES

export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A key as text: Postgres stores every character but NUL. */
export const keyToText = (key: string): string => key.replace(/[\\\0]/g, (character) => (character === '\\' ? '\\\\' : '\\0'))

export const textToKey = (text: string): string => text.replace(/\\[\\0]/g, (pair) => (pair === '\\0' ? '\0' : '\\'))

/**
 * The key in a notification, which carries a generation and a key, and never a value. `undefined`:
 * the notification is none of ours.
 */
export function keyOfPayload(payload: string | undefined): string | undefined {
  const match = /^\d+ (.+)$/s.exec(payload ?? '')
  return match === null ? undefined : textToKey(match[1]!)
}

export interface EndpointOptions {
  connectionString?: unknown
  host?: unknown
  port?: unknown
  database?: unknown
}

/** Host, port and database, for messages: without user, password and parameters. */
export function endpointOf(options: EndpointOptions): string {
  let { host, port, database } = options
  const { connectionString } = options
  if (mayMisplacePassword(connectionString)) return 'postgres'
  if (typeof connectionString === 'string' && URL.canParse(connectionString, 'postgres://base')) {
    const url = new URL(connectionString, 'postgres://base')
    const path = decode(url.pathname)
    if (url.protocol === 'socket:') [host, database] = [path, url.searchParams.get('db')]
    // A socket's folder and a database, separated by a space.
    else if (connectionString.startsWith('/')) [host, database] = connectionString.split(' ')
    else {
      host = url.searchParams.get('host') ?? (URL.canParse(connectionString) ? decode(url.hostname) : undefined)
      port = url.searchParams.get('port') ?? url.port
      database = path.slice(1)
    }
  }
  const { PGHOST, PGPORT, PGDATABASE } = process.env
  host ||= PGHOST || 'localhost'
  port ||= PGPORT || 5432
  database ||= PGDATABASE
  return `postgres ${host}:${port}${database ? `/${database}` : ''}`
}

/**
 * A password that contains / ? or # without being encoded ends, for a parser, where the host should
 * begin: part of the password would be shown as the host.
 */
const mayMisplacePassword = (text: unknown): boolean => typeof text === 'string' && /^[a-z]+:\/\/[^@]*[/?#][^@]*@/i.test(text)

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
