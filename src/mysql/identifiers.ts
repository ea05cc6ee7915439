import type { Rule } from '../core/shared/validate.js'

/** Tables and endpoints as text. Pure. */

/** MySQL refuses a longer name. */
const MAX_NAME_CHARS = 64
const DEFAULT_PORT = 3306

/** A table: `table` or `database.table`, used as written. */
export const TABLE: Rule = {
  test: (value: unknown) => {
    const parts = typeof value === 'string' ? value.split('.') : []
    return (parts.length === 1 || parts.length === 2) && parts.every(isName)
  },
  rule: `must be a name or database.name, without backquotes, each of 1 to ${MAX_NAME_CHARS} characters`,
}

/** A name in the basic multilingual plane: MySQL keeps no other character in a name. */
const isName = (part: string): boolean =>
  part.trim() === part && part !== '' && part.length <= MAX_NAME_CHARS && !/[`\0/\\\ud800-\udfff]/.test(part)

/** @param table a text that passes the rule {@link TABLE} */
export const quoteTable = (table: string): string =>
  table
    .split('.')
    .map((part) => `\`${part}\``)
    .join('.')

export interface EndpointOptions {
  uri?: unknown
  host?: unknown
  port?: unknown
  socketPath?: unknown
  database?: unknown
}

/** Host, port and database, for messages: without user, password and parameters. */
export function endpointOf({ uri, host, port, socketPath, database }: EndpointOptions): string {
  if (uri !== undefined) {
    // A password that contains / ? or # without being encoded would end up in the host.
    if (typeof uri !== 'string' || !URL.canParse(uri) || /^[a-z]+:\/\/[^@]*[/?#][^@]*@/i.test(uri)) return 'mysql'
    const url = new URL(uri)
    return endpointOf({
      host: url.hostname,
      port: url.port,
      socketPath: url.searchParams.get('socketPath'),
      database: url.pathname.slice(1),
    })
  }
  const place = socketPath ? String(socketPath) : `${host || 'localhost'}:${port || DEFAULT_PORT}`
  return `mysql ${place}${database ? `/${database}` : ''}`
}
