import { createPool, createServer } from 'mysql2'
import type { Test } from 'tap'
import { freePort } from '../support/free-port.js'

type Row = Record<string, unknown>
/** The server side of mysql2, of whose methods its types know few. */
type ServerConnection = Record<'serverHandshake' | 'writeError' | 'writeOk', (what: object) => void> & {
  on(event: string, listener: (sql: string) => void): void
  writeTextResult(rows: Row[], columns: object[]): void
  sequenceId: number
}

/** The bit that says that each statement is a transaction of its own. */
const STATUS_AUTOCOMMIT = 2
const UTF8MB4 = 45
const SSL = 1 << 11

/** Every column is sent as text. */
const TEXT_COLUMN = {
  catalog: 'def',
  schema: '',
  table: '',
  orgTable: '',
  characterSet: UTF8MB4,
  columnLength: 1_000_000,
  columnType: 253,
  flags: 0,
  decimals: 0,
}

/** Starts a pooler that sends each statement over any of its connections. Returns its port. */
export async function startPooler(t: Test, uri: string): Promise<number> {
  const pool = createPool({ uri, connectionLimit: 4 })
  const pooler = createServer((given) => {
    const connection = given as unknown as ServerConnection
    connection.on('error', () => {})
    connection.serverHandshake({
      protocolVersion: 10,
      serverVersion: '8.0.0-pooler',
      connectionId: 1,
      statusFlags: STATUS_AUTOCOMMIT,
      characterSet: UTF8MB4,
      capabilityFlags: 0xffffff & ~SSL,
    })
    connection.on('query', (sql) => {
      pool.query({ sql }, (error, result, columns) => {
        // The answer continues the numbering of the question.
        connection.sequenceId = 1
        if (error) return connection.writeError({ message: error.message, code: error.errno })
        if (!Array.isArray(result)) return connection.writeOk({ ...result, serverStatus: STATUS_AUTOCOMMIT })
        const text = (value: unknown) => (value === null ? null : String(value))
        const rows = (result as Row[]).map((row) =>
          Object.fromEntries(Object.entries(row).map(([name, value]) => [name, text(value)])),
        )
        connection.writeTextResult(
          rows,
          columns.map(({ name }) => ({ ...TEXT_COLUMN, name, orgName: name })),
        )
      })
    })
  })
  const port = await freePort()
  pooler.listen(port)
  t.teardown(() => {
    pooler.close(() => {})
    return pool.promise().end()
  })
  return port
}
