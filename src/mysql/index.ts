// The entry point of dotdog/mysql: public names only.
import type { Store } from 'dotdog'
import { BOOLEAN, checkOptions, type Rules } from '../core/shared/validate.js'
import { LocalFallbackStore } from '../database/local-fallback.js'
import { DatabaseStore } from '../database/store.js'
import { MysqlBackend } from './backend.js'
import type { MysqlPool, MysqlSource } from './connection.js'
import { TABLE } from './identifiers.js'

export type { MysqlPool } from './connection.js'

export interface MysqlStoreOptions {
  /** As `mysql2` takes it: `mysql://user:password@host:3306/database`. Either this or `pool`. */
  uri?: string
  /**
   * A pool of yours, of `mysql2` or `mysql2/promise`. It is used as it is and never ended. A process
   * that listens to `change` opens one more connection, with the pool's settings. Either this or
   * `uri`.
   */
  pool?: MysqlPool
  /**
   * The table: `table` or `database.table`. Created when it is first needed. Default `'dotdog'`.
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
 * A store in MariaDB 10.6 or later, or MySQL 8, for processes on several machines. Needs the package
 * `mysql2` beside dotdog (`npm install mysql2`), which is loaded by the first operation. Each
 * operation ends within 500 ms or fails with `ERR_DOG_STORE`; a valid value in memory is served all
 * the same. The key of a holder that died can be taken 5 s after its last sign of life. A process
 * that waits for another one's fetch asks the database every 25 ms, and after 2 s less often.
 *
 * @throws TypeError for an option that is wrong or unknown.
 * @example
 * const dog = createDog({ store: mysqlStore({ uri: process.env.MYSQL_URL }) })
 * dog.init('ACCESS_TOKEN', fetchToken)
 * const token = await dog.get('ACCESS_TOKEN')
 */
export function mysqlStore(options: MysqlStoreOptions): Store {
  const { table = 'dotdog', localFallback = false } = checkOptions<MysqlStoreOptions>('mysqlStore', options, RULES)
  const store = new DatabaseStore(new MysqlBackend(sourceOf(options), table))
  return localFallback ? new LocalFallbackStore(store) : store
}

const RULES: Rules = {
  // It contains a password.
  uri: {
    test: (value: unknown) => typeof value === 'string' && /^(mysql|mariadb):/.test(value) && URL.canParse(value),
    rule: 'must be an address such as mysql://host/database',
    isSecret: true,
  },
  // An address may be given here by mistake.
  pool: {
    test: (pool: unknown) => typeof Object(pool).getConnection === 'function',
    rule: 'must be a pool of the package mysql2',
    isSecret: true,
  },
  table: TABLE,
  localFallback: BOOLEAN,
}

function sourceOf({ uri, pool }: MysqlStoreOptions): MysqlSource {
  if (uri !== undefined && pool === undefined) return { uri: uri.replace(/^mariadb:/, 'mysql:') }
  if (pool !== undefined && uri === undefined) return { pool }
  throw new TypeError(`mysqlStore wants either uri or pool; got ${pool === undefined ? 'neither' : 'both'}`)
}
