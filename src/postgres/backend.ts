import { DogError } from 'dotdog'
import type { Acquired, AcquireRequest, Backend, Holder, LedgerText, RecordText } from '../database/backend.js'
import { RowDeletion } from '../database/row-deletion.js'
import type { Subscriber } from '../database/subscriber.js'
import { Connection, type PostgresSource, type Row } from './connection.js'
import { isMissingTable, isTableAlreadyCreated } from './errors.js'
import { endpointOf, keyOfPayload, keyToText, type Table, textToKey } from './identifiers.js'
import { type Statements, statementsFor } from './statements.js'
import { subscriberTo } from './subscriber.js'

/** Keys that one statement lists. */
const KEYS_PER_PAGE = 1000

/** One row for each key, in a table that is created when the first lease is taken. */
export class PostgresBackend implements Backend {
  readonly name = 'postgres'
  readonly endpoint: string
  readonly #table: Table
  readonly #statements: Statements
  readonly #connection: Connection
  readonly #subscriber: Subscriber
  readonly #deletion = new RowDeletion(async (after, maxKeys) => {
    const [page] = await this.#run(this.#statements.deleteOverdue, [after, maxKeys])
    return { keys: Number(page?.keys ?? 0), last: String(page?.last) }
  })

  constructor(source: PostgresSource, table: Table) {
    this.endpoint = endpointOf('pool' in source ? source.pool.options : source)
    this.#table = table
    this.#statements = statementsFor(table)
    this.#connection = new Connection(source)
    this.#subscriber = subscriberTo(this.#connection, this.#statements.listen)
  }

  async read(key: string): Promise<string | undefined> {
    const [row] = await this.#run(this.#statements.read, [keyToText(key)])
    return (row?.record as string | null) ?? undefined
  }

  async readLedger(key: string): Promise<string | undefined> {
    const [row] = await this.#run(this.#statements.readLedger, [keyToText(key)])
    return (row?.ledger as string | null) ?? undefined
  }

  async holder(key: string): Promise<Holder | undefined> {
    const [row] = await this.#run(this.#statements.holder, [keyToText(key)])
    return row && { fencingToken: Number(row.drawn), name: String(row.holder), msLeft: Number(row.ms_left) }
  }

  async acquire(key: string, { nonce, holder, leaseMs, fencingTokenFloor }: AcquireRequest): Promise<Acquired | undefined> {
    const values = [keyToText(key), nonce, holder, leaseMs, fencingTokenFloor]
    let rows: Row[]
    try {
      rows = await this.#connection.run(this.#statements.acquire, values)
    } catch (error) {
      if (!isMissingTable(error)) throw error
      await this.#createTable()
      rows = await this.#connection.run(this.#statements.acquire, values)
    }
    const [row] = rows
    if (row === undefined) return undefined
    return { fencingToken: Number(row.drawn), ...(row.displaced !== null && { evicted: String(row.displaced) }) }
  }

  async #createTable(): Promise<void> {
    try {
      await this.#connection.run(this.#statements.create)
    } catch (error) {
      if (isTableAlreadyCreated(error)) return
      const { message, code } = error as { message: string; code?: string }
      const problem = `${this.endpoint}: the table ${this.#table.sql} is missing and cannot be created: ${message}`
      throw new DogError('ERR_DOG_STORE', `${problem}${code === undefined ? '' : ` (${code})`}`)
    }
  }

  async renew(key: string, nonce: string, leaseMs: number): Promise<boolean> {
    return (await this.#run(this.#statements.renew, [keyToText(key), nonce, leaseMs])).length > 0
  }

  async writeLedger(key: string, nonce: string, { text, lastFencingToken }: LedgerText): Promise<boolean> {
    return (await this.#run(this.#statements.writeLedger, [keyToText(key), nonce, text, lastFencingToken])).length > 0
  }

  async commit(key: string, nonce: string, record: RecordText | undefined, keepMs?: number): Promise<boolean> {
    const text = keyToText(key)
    const values = [text, nonce, record?.text ?? null, record?.generation ?? null, this.#table.channel, keepMs ?? null]
    const isCommitted = (await this.#run(this.#statements.commit, values)).length > 0
    this.#deletion.run(text)
    return isCommitted
  }

  async release(key: string, nonce: string, keepMs?: number): Promise<void> {
    await this.#run(this.#statements.release, [keyToText(key), nonce, this.#table.channel, keepMs ?? null])
  }

  async *keys(): AsyncIterable<string> {
    for (let lastKey = ''; ; ) {
      const page = await this.#run(this.#statements.keys, [lastKey, KEYS_PER_PAGE])
      for (const { key } of page) yield textToKey(String(key))
      if (page.length < KEYS_PER_PAGE) return
      lastKey = String(page.at(-1)!.key)
    }
  }

  async subscribe(listener: (key: string | undefined, generation?: number) => void): Promise<() => void> {
    try {
      return await this.#subscriber.subscribe((payload) => {
        if (payload === undefined) return listener(undefined)
        const key = keyOfPayload(payload)
        if (key !== undefined) listener(key, Number.parseInt(payload, 10))
      })
    } catch (error) {
      throw this.#connection.toPublicError(error)
    }
  }

  async close(): Promise<void> {
    this.#subscriber.close()
    await this.#connection.close()
  }

  /** Without a table there is neither a record nor a lease that could be ours: no rows. */
  async #run(statement: string, values: readonly unknown[]): Promise<Row[]> {
    try {
      return await this.#connection.run(statement, values)
    } catch (error) {
      if (isMissingTable(error)) return []
      throw error
    }
  }
}
