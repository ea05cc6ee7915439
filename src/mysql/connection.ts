// The only importer of mysql2, an optional peer dependency.
import { DogError } from 'dotdog'
import type { Connection as Client, ConnectionOptions, Pool, PoolConnection, QueryOptions } from 'mysql2'
import { type Deadline, withRetries } from '../database/deadline.js'
import { isTransient, leavesConnectionUsable, MysqlError, toMysqlError } from './errors.js'

/** Connections of a pool of our own, opened as they are needed. A watcher has one more. */
const MAX_POOL_CONNECTIONS = 2
/** The wait before each further try. A pool may have kept several connections that were lost together. */
const RETRY_DELAYS_MS = [0, 0, 20, 60]
/** A connection attempt ends after this time, also when nobody waits for it any more. */
const CONNECT_TIMEOUT_MS = 5000
/** The bit of the server's status that says that each statement is a transaction of its own. */
const STATUS_AUTOCOMMIT = 2

/** The part of a pool of mysql2, or of mysql2/promise, that dotdog uses. */
export interface MysqlPool {
  getConnection: unknown
}

/** Where the connections come from, as the options say. */
export type MysqlSource = { uri: string } | { pool: MysqlPool }

export type Row = Record<string, unknown>

export interface Result {
  rows: Row[]
  /** Rows that a writing statement found. */
  affectedRows: number
}

/** A connection that no pool shares. */
export interface DedicatedClient {
  /** Runs a statement. Rejects when the connection is lost. */
  run(text: string, values: readonly unknown[]): Promise<Result>
  /** Closes it without waiting: a server that does not answer does not say goodbye either. */
  close(): void
}

/** What a store says that was closed. */
export const closedError = (): MysqlError => new MysqlError('this store was closed', undefined)

const ignore = (): void => {}

/** Sockets of idle connections must not keep the process alive. */
const socketOf = (client: object): { ref(): void; unref(): void } =>
  (client as { stream: { ref(): void; unref(): void } }).stream

/** The pool below a pool of promises. */
const corePool = (pool: MysqlPool): Pool => {
  const { pool: core } = pool as { pool?: MysqlPool }
  return (typeof core?.getConnection === 'function' ? core : pool) as Pool
}

/** Runs statements over a pool of its own or over one that was given. */
export class Connection {
  readonly #source: MysqlSource
  readonly #secrets: string[]
  #ownPool: Promise<Pool> | undefined
  #isClosed = false

  constructor(source: MysqlSource) {
    this.#source = source
    this.#secrets = 'uri' in source ? [source.uri, ...passwordsIn(source.uri)] : passwordsOf(source.pool)
  }

  /**
   * Runs a statement within 500 ms. If a connection is lost, the statement may run twice.
   *
   * @throws MysqlError
   */
  async run(text: string, values: readonly unknown[] = []): Promise<Result> {
    // The time it takes to load mysql2 is not the database's.
    const pool = await this.#pool()
    try {
      return await withRetries((deadline) => this.#runOnce(pool, deadline, text, values), {
        delaysMs: RETRY_DELAYS_MS,
        isTransient,
      })
    } catch (error) {
      throw this.toPublicError(error)
    }
  }

  /** The error without the secrets of the connection. */
  toPublicError(error: unknown): Error {
    return error instanceof DogError || error instanceof MysqlError ? error : toMysqlError(error, this.#secrets)
  }

  async #runOnce(pool: Pool, deadline: Deadline, text: string, values: readonly unknown[]): Promise<Result> {
    const client = await deadline.race(borrow(pool), (late) => giveBack(late, true))
    let isUsable = false
    try {
      const result = await deadline.race(query(client, text, values))
      isUsable = true
      return result
    } catch (error) {
      isUsable = leavesConnectionUsable(error)
      if (deadline.isOver) this.#cancel(client.threadId, text)
      throw error
    } finally {
      // A connection that did not answer in time may answer later, to another question. It is not used again.
      giveBack(client, isUsable)
    }
  }

  /**
   * Ends the session of a statement whose result nobody waits for any more. Without this, a
   * statement that waits for a lock would wait on for most of a minute. The session is ended only if
   * it still runs that statement: behind a load balancer the number may be another session's on
   * another server. Nothing depends on the success.
   */
  #cancel(threadId: number, text: string): void {
    this.#createClient()
      .then((client) => {
        socketOf(client).unref()
        const beginning = text.slice(0, text.indexOf('?'))
        const isStill = 'SELECT 1 FROM information_schema.processlist WHERE id = ? AND LEFT(info, ?) = ?'
        client.query(isStill, [threadId, beginning.length, beginning], (error, rows) => {
          if (error || (rows as Row[]).length === 0) return client.destroy()
          client.query('KILL ?', [threadId], () => client.destroy())
        })
      })
      .catch(ignore)
  }

  async #pool(): Promise<Pool> {
    this.#assertOpen()
    if ('pool' in this.#source) return corePool(this.#source.pool)
    this.#ownPool ??= createPool(this.#source.uri)
    return await this.#ownPool
  }

  async #createClient(): Promise<Client> {
    const { createConnection } = await load()
    this.#assertOpen()
    const client = createConnection({ ...this.#settings(), connectTimeout: CONNECT_TIMEOUT_MS })
    client.on('error', ignore)
    return client
  }

  /** A connection with the settings of the pool, which takes none of its places and keeps no process alive. */
  async createDedicated(onEnd: () => void): Promise<DedicatedClient> {
    const client = await this.#createClient()
    socketOf(client).unref()
    client.on('end', onEnd)
    client.on('error', onEnd)
    return {
      run: (text, values) =>
        query(client, text, values).catch((error) => {
          throw this.toPublicError(error)
        }),
      close: () => client.destroy(),
    }
  }

  #settings(): ConnectionOptions {
    if ('uri' in this.#source) return { uri: this.#source.uri }
    const { config } = corePool(this.#source.pool) as unknown as { config: { connectionConfig: ConnectionOptions } }
    const { pool, ...own } = config.connectionConfig as ConnectionOptions & { pool: unknown }
    return own
  }

  #assertOpen(): void {
    if (this.#isClosed) throw closedError()
  }

  /** For good. A given pool is left to its owner. */
  async close(): Promise<void> {
    this.#isClosed = true
    const pool = this.#ownPool
    this.#ownPool = undefined
    await pool?.then((opened) => opened.end(ignore)).catch(ignore)
  }
}

async function createPool(uri: string): Promise<Pool> {
  const mysql = await load()
  const pool = mysql.createPool({
    uri,
    connectionLimit: MAX_POOL_CONNECTIONS,
    // With fewer, mysql2 runs a timer that keeps the process alive.
    maxIdle: MAX_POOL_CONNECTIONS,
    // Far more than the 500 ms of an operation: this timer of mysql2 takes the slowness of a busy
    // machine for the silence of the database.
    connectTimeout: CONNECT_TIMEOUT_MS,
    enableKeepAlive: true,
  })
  pool.on('acquire', (client) => socketOf(client).ref())
  pool.on('release', (client) => socketOf(client).unref())
  return pool
}

async function load(): Promise<Pick<typeof import('mysql2'), 'createConnection' | 'createPool'>> {
  try {
    return (await import('mysql2')).default
  } catch (error) {
    const isMissing = ['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'].includes(String(Object(error).code))
    const problem = isMissing ? 'is missing' : 'cannot be loaded'
    throw new DogError('ERR_DOG_STORE', `mysqlStore: the package mysql2 ${problem}: npm install mysql2`)
  }
}

function borrow(pool: Pool): Promise<PoolConnection> {
  return new Promise((resolve, reject) => {
    pool.getConnection((error, client) => {
      if (error) return reject(error)
      // An `error` event without a listener ends the process.
      client.on('error', ignore)
      resolve(client)
    })
  })
}

function giveBack(client: PoolConnection, isUsable: boolean): void {
  if (isUsable) {
    client.off('error', ignore)
    client.release()
  } else client.destroy()
}

function query(client: Client, text: string, values: readonly unknown[]): Promise<Result> {
  // A pool of a user may have other forms of rows by default.
  const options: QueryOptions = { sql: text, values: [...values], rowsAsArray: false, nestTables: false, typeCast: true }
  return new Promise((resolve, reject) => {
    client.query(options, (error: unknown, result: unknown) => {
      if (error) return reject(error)
      if (Array.isArray(result)) return resolve({ rows: result as Row[], affectedRows: 0 })
      const { affectedRows, serverStatus } = result as { affectedRows: number; serverStatus: number }
      // Nobody would see what is written, and it would be undone with the connection.
      if ((serverStatus & STATUS_AUTOCOMMIT) === 0) {
        return reject(new MysqlError('the pool has autocommit off: mysqlStore needs it on', undefined, true))
      }
      resolve({ rows: [], affectedRows })
    })
  })
}

/** The password as it stands in an address, and decoded. */
function passwordsIn(uri: string): string[] {
  if (!URL.canParse(uri)) return []
  const { password } = new URL(uri)
  try {
    return [password, decodeURIComponent(password)]
  } catch {
    return [password]
  }
}

function passwordsOf(pool: MysqlPool): string[] {
  const { config } = corePool(pool) as unknown as { config?: { connectionConfig?: { password?: unknown } } }
  const password = config?.connectionConfig?.password
  return typeof password === 'string' ? [password] : []
}
