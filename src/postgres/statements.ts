import { quote, type Table } from './identifiers.js'

/**
 * The steps as SQL, one statement each, so that each is atomic. `$1` is the key, `$2` the nonce of the lease; all time is the
 * database's. Pure.
 *
 * What must hold: a row's `nonce` is the lease. Who takes it writes a nonce that nobody else has; whatever is done under the
 * lease asks for that nonce in the same statement. The numbers of a row never fall, and outlive its record.
 */
export interface Statements {
  create: string
  read: string
  ledger: string
  holder: string
  /** $3 holder, $4 milliseconds, $5 floor */
  take: string
  /** $3 milliseconds */
  renew: string
  /** $3 ledger, $4 last */
  note: string
  /** $3 record, $4 generation, $5 channel */
  commit: string
  /** $3 channel */
  release: string
  /** $1: the last key of the page before, $2: how many */
  keys: string
  listen: string
}

const END = (parameter: string): string => `clock_timestamp() + ${parameter}::float8 * interval '1 millisecond'`
const FREE = 'nonce = NULL, holder = NULL, displaced = NULL, until = NULL'
/** Tells the listeners in the same transaction, so that who hears of a change sees it. Of a value nothing. */
const tell = (step: string, channel: string): string =>
  `WITH done AS (${step} RETURNING key, coalesce(generation, drawn) AS number)
   SELECT pg_notify(${channel}, number || ' ' || key) FROM done`

export function statementsFor({ sql: table, channel }: Table): Statements {
  const update = (what: string): string => `UPDATE ${table} SET ${what} WHERE key = $1 AND nonce = $2`
  return {
    create: `CREATE TABLE IF NOT EXISTS ${table} (
      key text COLLATE "C" PRIMARY KEY,
      record text, generation bigint,
      ledger text, last bigint,
      drawn bigint NOT NULL, nonce text, holder text, displaced text, until timestamptz
    )`,
    read: `SELECT record FROM ${table} WHERE key = $1`,
    ledger: `SELECT ledger FROM ${table} WHERE key = $1`,
    holder: `SELECT drawn, holder, (extract(epoch FROM until - clock_timestamp()) * 1000)::float8 AS remains
      FROM ${table} WHERE key = $1 AND nonce IS NOT NULL AND until > clock_timestamp()`,
    // Where the row is there already, its newest version is locked first and looked at then, also under READ COMMITTED. The
    // same nonce again is the same take, whose first answer was lost.
    take: `INSERT INTO ${table} AS own (key, nonce, holder, until, drawn)
      VALUES ($1, $2, $3, ${END('$4')}, $5::bigint + 1)
      ON CONFLICT (key) DO UPDATE SET
        nonce = $2, holder = $3, until = ${END('$4')},
        displaced = CASE WHEN own.nonce = $2 THEN own.displaced ELSE own.holder END,
        drawn = greatest(own.generation, own.last, own.drawn, $5::bigint) + 1
      WHERE own.nonce IS NULL OR own.nonce = $2 OR own.until <= clock_timestamp()
      RETURNING drawn, displaced`,
    renew: `${update(`until = ${END('$3')}`)} RETURNING 1`,
    note: `${update('ledger = $3, last = $4::bigint')} RETURNING 1`,
    commit: tell(update(`record = $3, generation = coalesce($4::bigint, generation), ${FREE}`), '$5'),
    release: tell(update(FREE), '$3'),
    keys: `SELECT key FROM ${table} WHERE record IS NOT NULL AND key COLLATE "C" > $1 ORDER BY key COLLATE "C" LIMIT $2`,
    listen: `LISTEN ${quote(channel)}`,
  }
}
