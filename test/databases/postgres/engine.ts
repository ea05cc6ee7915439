import { createRequire } from 'node:module'
import pg from 'pg'
import type { Test } from 'tap'
import { parseTable } from '../../../src/postgres/identifiers.js'
import { type Statements, statementsFor } from '../../../src/postgres/statements.js'
import { buildBackend } from '../support/built-backend.js'
import type { Control, Database, Engine, Place, Space, Step } from '../support/engine.js'
import { isRequired, type Server, startPostgres, unavailable } from './server.js'

const require = createRequire(import.meta.url)
const { postgresStore }: typeof import('../../../src/postgres/index.js') = require('../../../dist/postgres/index.js')

export const postgres: Engine = {
  name: 'postgres',
  unavailable,
  isRequired,
  // Each connection is a process of the server.
  maxColdProcesses: 16,
  // The second one says that changes are not notified, but found by reading.
  maxOutageWarnings: 2,
  start: async (t) => databaseOf(await startPostgres(t)),
}

/** A running server as the tests of the contract, and those of Postgres alone, share it. */
export function databaseOf(server: Server): Database<PostgresSpace> {
  const { control } = server
  return {
    port: Number(new URL(server.url).port || 5432),
    control: control && controlOf(control),
    createSpace: (t) => new PostgresSpace(t, server),
  }
}

const controlOf = (control: NonNullable<Server['control']>): Control => ({
  keepsData: true,
  kill: () => control.kill(),
  start: () => control.start(),
  suspend: async () => control.suspend(),
  resume: () => control.resume(),
})

/** One table. */
export class PostgresSpace implements Space {
  readonly table: string
  readonly #t: Test
  readonly #server: Server
  readonly #statements: Statements

  constructor(t: Test, server: Server) {
    this.#t = t
    this.#server = server
    this.table = server.table()
    this.#statements = statementsFor(parseTable(this.table))
  }

  #options({ port, label = this.table, login, options }: Place = {}) {
    const url = new URL(this.#server.url)
    if (port !== undefined) url.port = String(port)
    url.searchParams.set('application_name', label)
    return { connectionString: Object.assign(url, login).href, table: this.table, ...options }
  }

  config(place?: Place) {
    return { engine: 'postgres' as const, options: this.#options(place) }
  }

  createStore(place?: Place) {
    const store = postgresStore(this.#options(place))
    this.#t.teardown(() => store.close())
    return store
  }

  createBackend(place?: Place) {
    const { PostgresBackend } = buildBackend('postgres')
    const { connectionString } = this.#options(place)
    const backend = new PostgresBackend({ connectionString }, parseTable(this.table))
    this.#t.teardown(() => backend.close())
    return backend
  }

  async record(key: string) {
    const [row] = await this.#server.admin(`SELECT record FROM ${this.table} WHERE key = $1`, [key])
    return row?.record == null ? undefined : JSON.parse(String(row.record))
  }

  async hasLease(key: string) {
    const rows = await this.#server.admin(`SELECT 1 FROM ${this.table} WHERE key = $1 AND nonce IS NOT NULL`, [key])
    return rows.length > 0
  }

  async prepare() {
    await this.#server.admin(this.#statements.create)
  }

  isStep(chunk: Buffer, step: Step) {
    return chunk.includes(this.#statements[step])
  }

  async killConnections() {
    const kill = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1'
    return (await this.#server.admin(kill, [this.table])).length
  }

  async clear() {
    await this.#server.admin(`TRUNCATE ${this.table}`)
  }

  async countConnections(label = this.table) {
    const rows = await this.#server.admin('SELECT pid FROM pg_stat_activity WHERE application_name = $1', [label])
    return rows.length
  }

  /** Locks the table against reads and writes. */
  async blockCommits() {
    const client = new pg.Client({ connectionString: this.#server.url })
    await client.connect()
    await client.query(`BEGIN; LOCK TABLE ${this.table} IN ACCESS EXCLUSIVE MODE`)
    return async () => {
      await client.query('COMMIT')
      await client.end()
    }
  }

  /** The role may take and renew a lease, but may not write the columns of the record. */
  async createLimitedStore() {
    const { table } = this
    const role = `limited_${table}`
    await this.#server.admin(`CREATE ROLE ${role} LOGIN PASSWORD 'word'`)
    this.#t.teardown(() => this.#server.admin(`DROP OWNED BY ${role}; DROP ROLE ${role}`))
    await this.#server.admin(`GRANT SELECT, INSERT ON ${table} TO ${role}`)
    await this.#server.admin(`GRANT UPDATE (nonce, holder, displaced, until, drawn, ledger, last) ON ${table} TO ${role}`)
    const store = this.createStore({ login: { username: role, password: 'word' } })
    return { store, refused: ['set' as const, 'remove' as const], error: /42501/ }
  }
}
