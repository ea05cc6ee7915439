// The entry point of dotdog/postgres: public names only.
import type { Store } from 'dotdog'
import { BOOLEAN, checkOptions, type Rules } from '../core/shared/validate.js'
import { LocalFallbackStore } from '../database/local-fallback.js'
import { DatabaseStore } from '../database/store.js'
import { PostgresBackend } from './backend.js'
import type { PostgresPool, PostgresSource } from './connection.js'
import { parseTable, TABLE } from './identifiers.js'

export type { PostgresPool } from './connection.js'

export interface PostgresStoreOptions {
  /**
   * As `pg` takes it: `postgres://user:password@host:5432/database?sslmode=verify-full`. Either
   * this or `pool`.
   */
  connectionString?: string
  /**
   * A `pg.Pool` of yours. It is used as it is and never ended. A process that waits for changes
   * opens one more connection, with the pool's settings. Either this or `connectionString`.
   */
  pool?: PostgresPool
  /**
   * The table: `table` or `schema.table`, used as written and case-sensitive. Created when it is
   * first needed. Default `'dotdog'`.
   */
  table?: string
  /**
   * While the database is down, each process that needs a value fetches one for itself, and the
   * newest is handed over afterwards. Default false: values in memory are served until they expire,
   * and nothing is fetched without the database, because a second fetch may invalidate the first
   * value.
   */
  localFallback?: boolean
}

/**
 * A store in Postgres, for processes on several machines. Needs the package `pg` beside dotdog
 * (`npm install pg`), which is loaded by the first operation. Each operation ends within 500 ms or
 * fails with `ERR_DOG_STORE`; a valid value in memory is served all the same. The key of a holder
 * that died can be taken 5 s after its last sign of life.
 *
 * @throws TypeError for an option that is wrong or unknown.
 * @example
 * const dog = createDog({ store: postgresStore({ connectionString: process.env.DATABASE_URL }) })
 * dog.init('ACCESS_TOKEN', fetchToken)
 * const token = await dog.get('ACCESS_TOKEN')
 */
export function postgresStore(options: PostgresStoreOptions): Store {
  const { table = 'dotdog', localFallback = false } = checkOptions<PostgresStoreOptions>('postgresStore', options, RULES)
  const store = new DatabaseStore(new PostgresBackend(sourceOf(options), parseTable(table)))
  return localFallback ? new LocalFallbackStore(store) : store
}

const RULES: Rules = {
  // It contains a password.
  connectionString: {
    test: (value: unknown) => typeof value === 'string' && value.trim() !== '',
    rule: 'must be a non-empty string such as postgres://host/database',
    isSecret: true,
  },
  // A connection string may be given here by mistake.
  pool: { test: isPool, rule: 'must be a Pool of the package pg', isSecret: true },
  table: TABLE,
  localFallback: BOOLEAN,
}

/** Checks only what is used of a pool: another copy of pg has other classes. */
function isPool(pool: unknown): boolean {
  const { connect, options } = Object(pool) as Partial<PostgresPool>
  return typeof connect === 'function' && typeof options === 'object' && options !== null
}

function sourceOf({ connectionString, pool }: PostgresStoreOptions): PostgresSource {
  if (connectionString !== undefined && pool === undefined) return { connectionString }
  if (pool !== undefined && connectionString === undefined) return { pool }
  throw new TypeError(`postgresStore wants either connectionString or pool; got ${pool === undefined ? 'neither' : 'both'}`)
}
