// The only importer of pg, an optional peer dependency.
import { DogError } from 'dotdog'
import type { Client, PoolClient, PoolConfig } from 'pg'
import { type Deadline, OPERATION_TIMEOUT_MS, withDeadline, withRetries } from '../database/deadline.js'
import { cancel } from './cancel.js'
import { isTransient, leavesConnectionUsable, PostgresError, toPostgresError } from './errors.js'

/** Connections of a pool of our own, opened as they are needed. A subscription has one more. */
const MAX_POOL_CONNECTIONS = 2
/** An idle connection is closed after this time. */
const IDLE_TIMEOUT_MS = 10_000
/**
 * The wait before each further try. A pool may have kept several connections that were lost
 * together.
 */
const RETRY_DELAYS_MS = [0, 0, 20, 60]

/** The part of a `pg.Pool` that dotdog uses. */
export interface PostgresPool {
  readonly options: object
  connect(): Promise<unknown>
}

interface Pool extends PostgresPool {
  connect(): Promise<PoolClient>
  on(event: 'error', listener: () => void): unknown
  on(event: 'acquire', listener: (client: PoolClient) => void): unknown
  end(): Promise<void>
}

/** Where the connections come from, as the options say. */
export type PostgresSource = { connectionString: string } | { pool: PostgresPool }

export type Row = Record<string, unknown>

/** A connection that no pool shares. It can be told not to keep the process alive. */
export type DedicatedClient = Client & { unref(): void }

/** What a store says that was closed. */
export const closedError = (): PostgresError => new PostgresError('this store was closed', undefined)

const ignore = (): void => {}

function ignoreErrorsOf(client: PoolClient): void {
  if (!client.listeners('error').includes(ignore)) client.on('error', ignore)
}

/**
 * The pools with error listeners of ours, also pools of users, and how many clients we are waiting
 * for.
 */
const listenedPools = new WeakMap<PostgresPool, { pendingClients: number }>()

/**
 * An `error` event without a listener ends the process. The pool emits it for an idle connection,
 * and the connection itself while it is lent. A connection may end in the same packet by which it
 * began, so that a listener added after a promise is too late: it is added as the pool hands the
 * client out.
 */
function ignoreErrorsOfPool(pool: Pool): { pendingClients: number } {
  let known = listenedPools.get(pool)
  if (known === undefined) {
    const created = { pendingClients: 0 }
    pool.on('error', ignore)
    pool.on('acquire', (client) => created.pendingClients > 0 && ignoreErrorsOf(client))
    listenedPools.set(pool, (known = created))
  }
  return known
}

async function borrow(pool: Pool): Promise<PoolClient> {
  const known = ignoreErrorsOfPool(pool)
  known.pendingClients++
  try {
    const client = await pool.connect()
    ignoreErrorsOf(client)
    return client
  } finally {
    known.pendingClients--
  }
}

function giveBack(client: PoolClient, isUsable: boolean): void {
  client.release(!isUsable)
  client.off('error', ignore)
}

/** Runs statements over a pool of its own or over one that was given. */
export class Connection {
  readonly #source: PostgresSource
  readonly #secrets: string[]
  #ownPool: Promise<Pool> | undefined
  #isClosed = false

  constructor(source: PostgresSource) {
    this.#source = source
    const options: PoolConfig = 'pool' in source ? source.pool.options : source
    this.#secrets = [options.connectionString, options.password, passwordIn(options.connectionString)].filter(
      (secret): secret is string => typeof secret === 'string',
    )
  }

  /**
   * The rows that a statement returns, within 500 ms. If a connection is lost, the statement may
   * run twice.
   *
   * @throws PostgresError
   */
  async run(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    // The time it takes to load pg is not the database's.
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
    return error instanceof DogError || error instanceof PostgresError ? error : toPostgresError(error, this.#secrets)
  }

  async #runOnce(pool: Pool, deadline: Deadline, text: string, values: readonly unknown[]): Promise<Row[]> {
    const client = await deadline.race(borrow(pool), (late) => giveBack(late, true))
    let isUsable = false
    try {
      const { rows } = await deadline.race(client.query<Row>(text, [...values]))
      isUsable = true
      return rows
    } catch (error) {
      isUsable = leavesConnectionUsable(error)
      if (deadline.isOver) cancel(client)
      throw error
    } finally {
      // A connection that did not answer in time may answer later, to another question. It is not
      // used again.
      giveBack(client, isUsable)
    }
  }

  async #pool(): Promise<Pool> {
    this.#assertOpen()
    if ('pool' in this.#source) return this.#source.pool as Pool
    this.#ownPool ??= createPool(this.#source.connectionString)
    return await this.#ownPool
  }

  /**
   * A client that is not connected yet. It has the settings of the pool, and takes none of its
   * places.
   */
  async createClient(): Promise<DedicatedClient> {
    const { Client } = await load()
    this.#assertOpen()
    const options = 'pool' in this.#source ? this.#source.pool.options : this.#source
    const client = new Client(settings(options)) as DedicatedClient
    client.on('error', ignore)
    return client
  }

  #assertOpen(): void {
    if (this.#isClosed) throw closedError()
  }

  /** For good. A given pool is left to its owner. */
  async close(): Promise<void> {
    this.#isClosed = true
    const pool = this.#ownPool
    this.#ownPool = undefined
    // A server that does not answer does not say goodbye either.
    if (pool !== undefined) await withDeadline(pool.then((opened) => opened.end())).catch(ignore)
  }
}

async function createPool(connectionString: string): Promise<Pool> {
  const { Pool } = await load()
  return new Pool({
    ...settings({ connectionString }),
    max: MAX_POOL_CONNECTIONS,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    allowExitOnIdle: true,
  })
}

async function load(): Promise<Pick<typeof import('pg'), 'Client' | 'Pool'>> {
  try {
    return (await import('pg')).default
  } catch (error) {
    const code = String(Object(error).code)
    const isMissing = code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND'
    const problem = isMissing ? 'the package pg is missing' : 'the package pg cannot be loaded'
    throw new DogError('ERR_DOG_STORE', `postgresStore: ${problem}: npm install pg`)
  }
}

/** The settings of a connection. The password of a given pool is not enumerable, so it is named. */
const settings = (options: PoolConfig): PoolConfig => ({
  fallback_application_name: 'dotdog',
  keepAlive: true,
  ...options,
  ...('password' in options && { password: options.password }),
  // A connection attempt that nobody waits for any more ends too.
  connectionTimeoutMillis: 2 * OPERATION_TIMEOUT_MS,
})

function passwordIn(connectionString: string | undefined): string | undefined {
  if (connectionString === undefined || !URL.canParse(connectionString)) return undefined
  const { password: userinfoPassword, searchParams } = new URL(connectionString)
  const password = searchParams.get('password') ?? userinfoPassword
  try {
    return decodeURIComponent(password)
  } catch {
    return password
  }
}
