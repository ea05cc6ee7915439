import { quote, type Table } from './identifiers.js'

/**
 * The steps of the backend as SQL, one statement each, so that each is atomic. `$1` is the key,
 * `$2` the nonce of the lease. All time is the database's. Pure.
 *
 * Two invariants: a row's `nonce` is its lease, since taking the lease writes a nonce that nobody
 * else has, and every step under the lease asks for that nonce in the same statement. The fencing
 * tokens of a row never fall, and outlive its record. A row without a nonce and a record whose `until`
 * is over is that of a removed key, and can be deleted.
 */
export interface Statements {
  create: string
  read: string
  readLedger: string
  holder: string
  /** $3 holder, $4 milliseconds, $5 floor of the fencing token */
  acquire: string
  /** $3 milliseconds */
  renew: string
  /** $3 ledger, $4 its last fencing token */
  writeLedger: string
  /** $3 record, $4 generation, $5 channel, $6 milliseconds after which a removed key's row can go */
  commit: string
  /** $3 channel, $4 milliseconds after which the row of a key without a record can go */
  release: string
  /** $1: the last key of the page before, $2: the number of keys */
  keys: string
  /**
   * Deletes the rows of removed keys among the next rows, so that its work does not grow with the
   * table. $1 and $2 as in `keys`. → the last key that it looked at, and the number of keys
   */
  deleteOverdue: string
  listen: string
}

/** The end of a lease that begins now and runs so many milliseconds. */
const leaseEnd = (parameter: string): string => `clock_timestamp() + ${parameter}::float8 * interval '1 millisecond'`
const NO_LEASE = 'nonce = NULL, holder = NULL, displaced = NULL'
/**
 * Notifies the listeners in the same transaction as the step, so that the change is visible to
 * whoever gets the message. The message says nothing of the value.
 */
const notifying = (step: string, channel: string): string =>
  `WITH done AS (${step} RETURNING key, coalesce(generation, drawn) AS number)
   SELECT pg_notify(${channel}, number || ' ' || key) FROM done`

export function statementsFor({ sql: table, channel }: Table): Statements {
  const update = (assignments: string): string => `UPDATE ${table} SET ${assignments} WHERE key = $1 AND nonce = $2`
  return {
    create: `CREATE TABLE IF NOT EXISTS ${table} (
      key text COLLATE "C" PRIMARY KEY,
      record text, generation bigint,
      ledger text, last bigint,
      drawn bigint NOT NULL, nonce text, holder text, displaced text, until timestamptz
    )`,
    read: `SELECT record FROM ${table} WHERE key = $1`,
    readLedger: `SELECT ledger FROM ${table} WHERE key = $1`,
    holder: `SELECT drawn, holder, (extract(epoch FROM until - clock_timestamp()) * 1000)::float8 AS ms_left
      FROM ${table} WHERE key = $1 AND nonce IS NOT NULL AND until > clock_timestamp()`,
    // If the row exists, its newest version is locked first and evaluated then, also under READ
    // COMMITTED. The same nonce again is the same request, whose first answer was lost.
    acquire: `INSERT INTO ${table} AS own (key, nonce, holder, until, drawn)
      VALUES ($1, $2, $3, ${leaseEnd('$4')}, $5::bigint + 1)
      ON CONFLICT (key) DO UPDATE SET
        nonce = $2, holder = $3, until = ${leaseEnd('$4')},
        displaced = CASE WHEN own.nonce = $2 THEN own.displaced ELSE own.holder END,
        drawn = greatest(own.generation, own.last, own.drawn, $5::bigint) + 1
      WHERE own.nonce IS NULL OR own.nonce = $2 OR own.until <= clock_timestamp()
      RETURNING drawn, displaced`,
    renew: `${update(`until = ${leaseEnd('$3')}`)} RETURNING 1`,
    writeLedger: `${update('ledger = $3, last = $4::bigint')} RETURNING 1`,
    commit: notifying(
      update(`record = $3, generation = coalesce($4::bigint, generation), ${NO_LEASE}, until = ${leaseEnd('$6')}`),
      '$5',
    ),
    release: notifying(update(`${NO_LEASE}, until = CASE WHEN record IS NULL THEN ${leaseEnd('$4')} END`), '$3'),
    keys: `SELECT key FROM ${table} WHERE record IS NOT NULL AND key COLLATE "C" > $1 ORDER BY key COLLATE "C" LIMIT $2`,
    // A row that somebody else is about to use is left out, and its newest version is what counts.
    deleteOverdue: `WITH page AS (SELECT key FROM ${table} WHERE key COLLATE "C" > $1 ORDER BY key COLLATE "C" LIMIT $2),
      overdue AS (SELECT key FROM ${table} WHERE key IN (SELECT key FROM page)
        AND record IS NULL AND nonce IS NULL AND until <= clock_timestamp() FOR UPDATE SKIP LOCKED),
      deleted AS (DELETE FROM ${table} AS own USING overdue WHERE own.key = overdue.key)
      SELECT max(key COLLATE "C") AS last, count(*)::int AS keys FROM page`,
    listen: `LISTEN ${quote(channel)}`,
  }
}
