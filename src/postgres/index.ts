// The entry point of dotdog/postgres.
import type { Store } from 'dotdog'
import { FallbackStore } from '../database/local-fallback.js'
import { NetworkStore } from '../database/store.js'
import { PostgresBackend } from './backend.js'
import type { Given, PostgresPool } from './connection.js'
import { parseTable } from './identifiers.js'

export type { PostgresPool } from './connection.js'

export interface PostgresStoreOptions {
  /** As `pg` takes it: `postgres://user:password@host:5432/database?sslmode=verify-full`. Not together with `pool`. */
  connectionString?: string
  /**
   * A `pg.Pool` of yours. It is used as it is and not ended; who waits for a change is told over one more connection, with the
   * pool's settings. Not together with `connectionString`.
   */
  pool?: PostgresPool
  /** The table, or `schema.table`: as written, case-sensitive. Made when it is first needed. Default `dotdog`. */
  table?: string
  /**
   * While the database is down, a process that needs a value fetches one for itself. Default false: nothing is fetched behind
   * the database's back, since a second fetch may kill the first value.
   */
  localFallback?: boolean
}

/**
 * A store in Postgres, for processes on several machines. Needs the package `pg` beside dotdog: `npm install pg`; it is loaded
 * by the first operation. Each operation ends within 500 ms or fails with `ERR_DOG_STORE`; a valid value in memory is served
 * all the same. A holder that dies is taken over 5 s after its last sign of life.
 *
 * @throws TypeError for wrong options.
 *
 * @example
 * const dog = createDog({ store: postgresStore({ connectionString: process.env.DATABASE_URL }) })
 * dog.init('ACCESS_TOKEN', fetchToken)
 * const token = await dog.get('ACCESS_TOKEN')
 */
export function postgresStore(options: PostgresStoreOptions): Store {
  const { table = 'dotdog', localFallback = false } = checkObject(options)
  if (typeof localFallback !== 'boolean') {
    throw new TypeError(`localFallback must be true or false; got a value of type ${typeof localFallback}`)
  }
  const store = new NetworkStore(new PostgresBackend(checkGiven(options), parseTable(table)))
  return localFallback ? new FallbackStore(store) : store
}

const kindOf = (value: unknown): string => (value === null ? 'null' : typeof value)

function checkObject(options: PostgresStoreOptions): PostgresStoreOptions {
  if (typeof options === 'object' && options !== null) return options
  throw new TypeError(`postgresStore wants an object: { connectionString } or { pool }; got ${kindOf(options)}`)
}

function checkGiven({ connectionString, pool }: PostgresStoreOptions): Given {
  if ((connectionString === undefined) === (pool === undefined)) {
    throw new TypeError(`postgresStore wants either connectionString or pool; got ${pool === undefined ? 'neither' : 'both'}`)
  }
  if (pool === undefined) {
    if (typeof connectionString === 'string' && connectionString.trim() !== '') return { connectionString }
    // It carries a password: its value is not shown.
    const got = connectionString === '' ? 'an empty string' : `a value of type ${kindOf(connectionString)}`
    throw new TypeError(`connectionString must be a non-empty string such as postgres://host/database; got ${got}`)
  }
  const { connect, options } = Object(pool) as Partial<PostgresPool>
  if (typeof connect === 'function' && typeof options === 'object' && options !== null) return { pool }
  throw new TypeError(`pool must be a Pool of the package pg; got a value of type ${kindOf(pool)}`)
}
