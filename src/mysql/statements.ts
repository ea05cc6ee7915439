/**
 * The steps of the backend as SQL, for MariaDB 10.6 and MySQL 8. Each writing step is one statement,
 * so that each is atomic. All time is the database's, in UTC: a local time would repeat an hour in
 * autumn. Pure.
 *
 * Three invariants: a row's `nonce` is its lease, since taking the lease writes a nonce that nobody
 * else has, and every step under the lease asks for that nonce in the same statement. The fencing
 * tokens of a row never fall, and outlive its record. Every writing step changes the row, by `step`
 * at least, so that the number of changed rows tells whether the step was done. A row without a nonce
 * and a record whose `until` is over is that of a removed key, and can be deleted.
 *
 * Keys and texts are bytes. So a collation cannot make two keys one, and a server or a connection
 * with another character set changes nothing.
 */
export interface Statements {
  create: string
  /** key */
  read: string
  /** key */
  readLedger: string
  /** key */
  holder: string
  /** nonce, floor of the fencing token, nonce, holder, lease in microseconds, key, nonce */
  acquire: string
  /** key, nonce */
  acquired: string
  /** key, nonce, holder, fencing token, lease in microseconds */
  insert: string
  /** key */
  exists: string
  /** lease in microseconds, key, nonce */
  renew: string
  /** ledger, its last fencing token, key, nonce */
  writeLedger: string
  /** record, generation, microseconds after which a removed key's row can go, key, nonce */
  commit: string
  /** microseconds after which the row of a key without a record can go, key, nonce */
  release: string
  /** the last key of the page before, the number of keys */
  keys: string
  /** As `keys`, with all rows, and whether each can be deleted */
  removedAmong: string
  /** Deletes those rows among so many that can be deleted. Their keys */
  deleteOverdue(keys: number): string
  /** The rows of those leases that ended. Pairs of key and nonce. */
  ended(leases: number): string
  /** The rows that changed since a moment, after a row with the present moment. The moment. */
  changedSince: string
  now: string
}

const NOW = 'UTC_TIMESTAMP(6)'
/** The end of a period that begins now and lasts the given microseconds. NULL after NULL. */
const LEASE_END = `${NOW} + INTERVAL ? MICROSECOND`
/** Commits and releases are what watchers are notified of. */
const LEASE_ENDS = `nonce = NULL, holder = NULL, displaced = NULL, changed = ${NOW}`
const IS_OVERDUE = `record IS NULL AND nonce IS NULL AND \`until\` <= ${NOW}`
const moment = (expression: string): string => `CAST(${expression} AS CHAR)`

/** @param table quoted */
export function statementsFor(table: string): Statements {
  const update = (assignments: string): string =>
    `UPDATE ${table} SET ${assignments}, step = step + 1 WHERE \`key\` = ? AND nonce = ?`
  return {
    create: `CREATE TABLE IF NOT EXISTS ${table} (
      \`key\` varbinary(1024) NOT NULL PRIMARY KEY,
      record longblob, generation bigint,
      ledger mediumblob, last bigint,
      drawn bigint NOT NULL, nonce varbinary(64), holder varbinary(512), displaced varbinary(512), \`until\` datetime(6),
      step bigint NOT NULL DEFAULT 0, changed datetime(6), KEY changed (changed)
    ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,
    read: `SELECT record FROM ${table} WHERE \`key\` = ?`,
    readLedger: `SELECT ledger FROM ${table} WHERE \`key\` = ?`,
    holder: `SELECT drawn, holder, nonce, TIMESTAMPDIFF(MICROSECOND, ${NOW}, \`until\`) / 1000 AS ms_left
      FROM ${table} WHERE \`key\` = ? AND nonce IS NOT NULL AND \`until\` > ${NOW}`,
    // The assignments are evaluated from left to right, or all with the old values, as the server is
    // set: the result is the same. The same nonce again is the same request, whose answer was lost.
    acquire: `UPDATE ${table} SET
        displaced = IF(nonce <=> ?, displaced, holder),
        drawn = GREATEST(COALESCE(generation, 0), COALESCE(last, 0), drawn, ?) + 1,
        nonce = ?, holder = ?, \`until\` = ${LEASE_END}, step = step + 1
      WHERE \`key\` = ? AND (nonce IS NULL OR nonce = ? OR \`until\` <= ${NOW})`,
    acquired: `SELECT drawn, displaced FROM ${table} WHERE \`key\` = ? AND nonce = ?`,
    insert: `INSERT INTO ${table} (\`key\`, nonce, holder, drawn, \`until\`) VALUES (?, ?, ?, ?, ${LEASE_END})`,
    exists: `SELECT 1 FROM ${table} WHERE \`key\` = ?`,
    renew: update(`\`until\` = ${LEASE_END}`),
    writeLedger: update('ledger = ?, last = ?'),
    commit: update(`record = ?, generation = COALESCE(?, generation), ${LEASE_ENDS}, \`until\` = ${LEASE_END}`),
    release: update(`${LEASE_ENDS}, \`until\` = IF(record IS NULL, ${LEASE_END}, NULL)`),
    keys: `SELECT \`key\` FROM ${table} WHERE \`key\` > ? AND record IS NOT NULL ORDER BY \`key\` LIMIT ?`,
    removedAmong: `SELECT \`key\`, (${IS_OVERDUE}) IS TRUE AS overdue FROM ${table} WHERE \`key\` > ? ORDER BY \`key\` LIMIT ?`,
    // By key, so that it locks no row that is in use, and no gap in which another key is inserted.
    deleteOverdue: (keys) => `DELETE FROM ${table} WHERE \`key\` IN (${Array(keys).fill('?').join(', ')}) AND ${IS_OVERDUE}`,
    ended: (leases) =>
      `SELECT \`key\`, record FROM ${table} WHERE ${Array(leases).fill('(`key` = ? AND NOT (nonce <=> ?))').join(' OR ')}`,
    changedSince: `SELECT NULL AS \`key\`, NULL AS generation, ${moment(NOW)} AS changed
      UNION ALL SELECT \`key\`, COALESCE(generation, drawn), ${moment('changed')} FROM ${table} WHERE changed >= ?`,
    now: `SELECT ${moment(NOW)} AS changed`,
  }
}
