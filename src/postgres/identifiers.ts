/** How names stand in SQL. Pure. */

/** Bytes that Postgres keeps of a name; the rest would be cut off silently, and two names be one. */
const LONGEST = 63

/** A table as it was given: `table` or `schema.table`, case-sensitive. */
export interface Table {
  /** Quoted, for SQL. */
  sql: string
  /** Where its changes are told: the table's own name, whatever the schema, which need not be known. */
  channel: string
}

/** @throws TypeError unless it is a name, or a schema and a name. */
export function parseTable(table: unknown): Table {
  const parts = typeof table === 'string' ? table.split('.') : []
  if (parts.length < 1 || parts.length > 2 || !parts.every(isName)) {
    const got =
      typeof table === 'string' ? JSON.stringify(table.slice(0, 140)) : String(Object(table) === table ? 'an object' : table)
    const rule = `table must be a name or schema.name, without quotes, each of 1 to ${LONGEST} bytes`
    throw new TypeError(`${rule}; got ${got} (${table === null ? 'null' : typeof table})`)
  }
  return { sql: parts.map(quote).join('.'), channel: parts.at(-1)! }
}

const isName = (part: string): boolean =>
  part.trim() === part && part !== '' && !/["\0]/.test(part) && part.isWellFormed() && Buffer.byteLength(part) <= LONGEST

export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A key as text: Postgres holds every character but NUL. */
export const keyToText = (key: string): string => key.replace(/[\\\0]/g, (character) => (character === '\\' ? '\\\\' : '\\0'))

export const textToKey = (text: string): string => text.replace(/\\[\\0]/g, (pair) => (pair === '\\0' ? '\0' : '\\'))

/** What a notification carries: a generation and a key, never a value. Undefined: it is none of ours. */
export function keyOfPayload(payload: string | undefined): string | undefined {
  const match = /^\d+ (.+)$/s.exec(payload ?? '')
  return match === null ? undefined : textToKey(match[1]!)
}

/** Host, port and database, for messages: without user, password and parameters. */
export function placeOf(options: { connectionString?: unknown; host?: unknown; port?: unknown; database?: unknown }): string {
  let { host, port, database } = options
  const { connectionString } = options
  if (isCrooked(connectionString)) return 'postgres'
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

/** A password with / ? or # in it that was not encoded ends where a place should begin. */
const isCrooked = (text: unknown): boolean => typeof text === 'string' && /^[a-z]+:\/\/[^@]*[/?#][^@]*@/i.test(text)

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
