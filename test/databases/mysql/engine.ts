import { createRequire } from 'node:module'
import { createConnection } from 'mysql2/promise'
import type { Test } from 'tap'
import { quoteTable } from '../../../src/mysql/identifiers.js'
import { type Statements, statementsFor } from '../../../src/mysql/statements.js'
import { buildBackend } from '../support/built-backend.js'
import type { Database, Engine, Place, Space, Step } from '../support/engine.js'
import { isRequired, PASSWORD, type Server, startMariadb, unavailable } from './server.js'

const require = createRequire(import.meta.url)
const { mysqlStore }: typeof import('../../../src/mysql/index.js') = require('../../../dist/mysql/index.js')

export const mysql: Engine = {
  name: 'mysql',
  unavailable,
  isRequired,
  maxColdProcesses: 32,
  // The second one says that changes are not notified, but found by reading.
  maxOutageWarnings: 2,
  start: async (t) => databaseOf(await startMariadb(t)),
}

/** A running server as the tests of the contract, and those of MySQL alone, share it. */
export function databaseOf(server: Server): Database<MysqlSpace> {
  return {
    port: server.port,
    control: {
      keepsData: true,
      kill: () => server.kill(),
      start: () => server.start(),
      suspend: async () => server.suspend(),
      resume: () => server.resume(),
    },
    createSpace: (t) => new MysqlSpace(t, server),
  }
}

/** One table. MySQL lists connections by their user: each label is one. */
export class MysqlSpace implements Space {
  readonly table: string
  readonly #t: Test
  readonly #server: Server
  readonly #statements: Statements

  constructor(t: Test, server: Server) {
    this.#t = t
    this.#server = server
    this.table = server.table()
    this.#statements = statementsFor(quoteTable(this.table))
  }

  #options({ port, label = this.table, login, options }: Place = {}) {
    if (login === undefined) this.#server.ensureUser(label)
    const url = new URL(this.#server.url(label))
    if (port !== undefined) url.port = String(port)
    return { uri: Object.assign(url, login).href, table: this.table, ...options }
  }

  config(place?: Place) {
    return { engine: 'mysql' as const, options: this.#options(place) }
  }

  createStore(place?: Place) {
    const store = mysqlStore(this.#options(place))
    this.#t.teardown(() => store.close())
    return store
  }

  createBackend(place?: Place) {
    const { MysqlBackend } = buildBackend('mysql')
    const backend = new MysqlBackend({ uri: this.#options(place).uri }, this.table)
    this.#t.teardown(() => backend.close())
    return backend
  }

  async record(key: string) {
    const [row] = await this.#server.admin(`SELECT record FROM ${this.table} WHERE \`key\` = ?`, [Buffer.from(key)])
    return row?.record == null ? undefined : JSON.parse(String(row.record))
  }

  async hasLease(key: string) {
    const text = `SELECT 1 FROM ${this.table} WHERE \`key\` = ? AND nonce IS NOT NULL`
    return (await this.#server.admin(text, [Buffer.from(key)])).length > 0
  }

  async prepare() {
    await this.#server.admin(this.#statements.create)
  }

  isStep(chunk: Buffer, step: Step) {
    return chunk.includes(this.#statements[step].split('?')[0]!)
  }

  async killConnections() {
    const connections = await this.#connections(this.table)
    for (const { id } of connections) await this.#server.admin(`KILL ${id}`).catch(() => {})
    return connections.length
  }

  async #connections(user: string) {
    return await this.#server.admin('SELECT id FROM information_schema.processlist WHERE user = ?', [user])
  }

  async clear() {
    await this.#server.admin(`TRUNCATE ${this.table}`)
  }

  async countConnections(label = this.table) {
    return (await this.#connections(label)).length
  }

  /** Locks the table against reads and writes. */
  async blockCommits() {
    const connection = await createConnection(this.#server.url())
    await connection.query(`LOCK TABLES ${this.table} WRITE`)
    return async () => {
      await connection.query('UNLOCK TABLES')
      await connection.end()
    }
  }

  /** The user may take and renew a lease, but may not write the columns of the record. */
  async createLimitedStore() {
    const { table } = this
    const user = `limited_${table}`
    const columns = 'nonce, holder, displaced, `until`, drawn, ledger, last, step, changed'
    await this.#server.admin(`CREATE USER ${user} IDENTIFIED BY '${PASSWORD}'`)
    await this.#server.admin(`GRANT SELECT, INSERT ON ${table} TO ${user}`)
    await this.#server.admin(`GRANT UPDATE (${columns}) ON ${table} TO ${user}`)
    const store = this.createStore({ login: { username: user, password: PASSWORD } })
    return { store, refused: ['set' as const, 'remove' as const], error: /ER_COLUMNACCESS_DENIED_ERROR/ }
  }
}
