import { DogError } from 'dotdog'
import type { Acquired, AcquireRequest, Backend, Holder, LedgerText, RecordText, WaitResult } from '../database/backend.js'
import { type Page, RowDeletion } from '../database/row-deletion.js'
import type { Subscriber } from '../database/subscriber.js'
import { Connection, type MysqlSource, type Result, type Row } from './connection.js'
import { isDuplicateKey, isMissingTable } from './errors.js'
import { type EndpointOptions, endpointOf, quoteTable } from './identifiers.js'
import { LeasePoller } from './lease-poller.js'
import { type Statements, statementsFor } from './statements.js'
import { subscriberTo } from './subscriber.js'

/** Keys that one statement lists. */
const KEYS_PER_PAGE = 1000

/** Bytes are written as hexadecimal literals, which mean the same in every SQL mode. */
const bytes = (text: string): Buffer => Buffer.from(text)
const toMicroseconds = (ms: number | undefined): number | null => (ms === undefined ? null : Math.round(ms * 1000))
const textOf = (value: unknown): string | undefined => (value === null || value === undefined ? undefined : String(value))

/** One row for each key, in a table that is created when the first lease is taken. */
export class MysqlBackend implements Backend {
  readonly name = 'mysql'
  readonly endpoint: string
  readonly #table: string
  readonly #statements: Statements
  readonly #connection: Connection
  readonly #subscriber: Subscriber
  readonly #poller: LeasePoller
  readonly #deletion = new RowDeletion((after, maxKeys) => this.#deletePage(after, maxKeys))

  /** @param table a text that passes the rule `TABLE` */
  constructor(source: MysqlSource, table: string) {
    this.endpoint = endpointOf('pool' in source ? connectionConfigOf(source.pool) : source)
    this.#table = quoteTable(table)
    this.#statements = statementsFor(this.#table)
    this.#connection = new Connection(source)
    this.#subscriber = subscriberTo(this.#connection, this.#statements)
    this.#poller = new LeasePoller(async (leases) => {
      const values = leases.flatMap(({ key, nonce }) => [bytes(key), bytes(nonce)])
      return await this.#select(this.#statements.ended(leases.length), values)
    })
  }

  async read(key: string): Promise<string | undefined> {
    const [row] = await this.#select(this.#statements.read, [bytes(key)])
    return textOf(row?.record)
  }

  async readLedger(key: string): Promise<string | undefined> {
    const [row] = await this.#select(this.#statements.readLedger, [bytes(key)])
    return textOf(row?.ledger)
  }

  async holder(key: string): Promise<Holder | undefined> {
    const [row] = await this.#select(this.#statements.holder, [bytes(key)])
    return (
      row && {
        fencingToken: Number(row.drawn),
        name: String(row.holder),
        msLeft: Number(row.ms_left),
        cursor: String(row.nonce),
      }
    )
  }

  async acquire(key: string, request: AcquireRequest): Promise<Acquired | undefined> {
    try {
      return await this.#acquire(key, request)
    } catch (error) {
      if (!isMissingTable(error)) throw error
      await this.#createTable()
      return await this.#acquire(key, request)
    }
  }

  async #acquire(key: string, { nonce, holder, leaseMs, fencingTokenFloor }: AcquireRequest): Promise<Acquired | undefined> {
    const [keyBytes, nonceBytes, holderBytes] = [bytes(key), bytes(nonce), bytes(holder)]
    const leaseUs = Math.round(leaseMs * 1000)
    const { acquire, acquired, exists, insert } = this.#statements
    const values = [nonceBytes, fencingTokenFloor, nonceBytes, holderBytes, leaseUs, keyBytes, nonceBytes]
    const { affectedRows } = await this.#connection.run(acquire, values)
    if (affectedRows > 0) {
      const [row] = (await this.#connection.run(acquired, [keyBytes, nonceBytes])).rows
      if (row === undefined) return undefined
      const evicted = textOf(row.displaced)
      return { fencingToken: Number(row.drawn), ...(evicted !== undefined && { evicted }) }
    }
    if ((await this.#connection.run(exists, [keyBytes])).rows.length > 0) return undefined
    const fencingToken = fencingTokenFloor + 1
    try {
      await this.#connection.run(insert, [keyBytes, nonceBytes, holderBytes, fencingToken, leaseUs])
      return { fencingToken }
    } catch (error) {
      // Another process was first, or an earlier try of ours whose answer was lost.
      if (!isDuplicateKey(error)) throw error
      const [own] = (await this.#connection.run(acquired, [keyBytes, nonceBytes])).rows
      return own && { fencingToken: Number(own.drawn) }
    }
  }

  async #createTable(): Promise<void> {
    try {
      await this.#connection.run(this.#statements.create)
    } catch (error) {
      const { message, code } = error as { message: string; code?: string }
      const problem = `${this.endpoint}: the table ${this.#table} is missing and cannot be created: ${message}`
      throw new DogError('ERR_DOG_STORE', `${problem}${code === undefined ? '' : ` (${code})`}`)
    }
  }

  async renew(key: string, nonce: string, leaseMs: number): Promise<boolean> {
    return await this.#update(this.#statements.renew, [Math.round(leaseMs * 1000), bytes(key), bytes(nonce)])
  }

  async writeLedger(key: string, nonce: string, { text, lastFencingToken }: LedgerText): Promise<boolean> {
    return await this.#update(this.#statements.writeLedger, [bytes(text), lastFencingToken, bytes(key), bytes(nonce)])
  }

  async commit(key: string, nonce: string, record: RecordText | undefined, keepMs?: number): Promise<boolean> {
    const values = record === undefined ? [null, null] : [bytes(record.text), record.generation]
    const isCommitted = await this.#update(this.#statements.commit, [
      ...values,
      toMicroseconds(keepMs),
      bytes(key),
      bytes(nonce),
    ])
    this.#deletion.run(key)
    return isCommitted
  }

  /** A row that is used again between the two statements is not deleted, as the second one asks again. */
  async #deletePage(after: string, maxKeys: number): Promise<Page> {
    const page = await this.#select(this.#statements.removedAmong, [bytes(after), maxKeys])
    const overdue = page.filter((row) => Number(row.overdue) === 1).map(({ key }) => bytes(String(key)))
    if (overdue.length > 0) await this.#update(this.#statements.deleteOverdue(overdue.length), overdue)
    return { keys: page.length, last: String(page.at(-1)?.key) }
  }

  async release(key: string, nonce: string, keepMs?: number): Promise<void> {
    await this.#update(this.#statements.release, [toMicroseconds(keepMs), bytes(key), bytes(nonce)])
  }

  async waitBlocking(key: string, cursor: string, ms: number): Promise<WaitResult> {
    return await this.#poller.wait(key, cursor, ms)
  }

  async *keys(): AsyncIterable<string> {
    for (let lastKey = ''; ; ) {
      const page = await this.#select(this.#statements.keys, [bytes(lastKey), KEYS_PER_PAGE])
      for (const { key } of page) yield String(key)
      if (page.length < KEYS_PER_PAGE) return
      lastKey = String(page.at(-1)!.key)
    }
  }

  async subscribe(listener: (key: string | undefined, generation?: number) => void): Promise<() => void> {
    try {
      return await this.#subscriber.subscribe((message) => {
        if (message === undefined) return listener(undefined)
        const separator = message.indexOf(' ')
        listener(message.slice(separator + 1), Number(message.slice(0, separator)))
      })
    } catch (error) {
      throw this.#connection.toPublicError(error)
    }
  }

  async close(): Promise<void> {
    this.#subscriber.close()
    await this.#connection.close()
  }

  async #select(statement: string, values: readonly unknown[]): Promise<Row[]> {
    return (await this.#run(statement, values)).rows
  }

  async #update(statement: string, values: readonly unknown[]): Promise<boolean> {
    return (await this.#run(statement, values)).affectedRows > 0
  }

  /** Without a table there is neither a record nor a lease that could be ours. */
  async #run(statement: string, values: readonly unknown[]): Promise<Result> {
    try {
      return await this.#connection.run(statement, values)
    } catch (error) {
      if (isMissingTable(error)) return { rows: [], affectedRows: 0 }
      throw error
    }
  }
}

/** What a pool of mysql2, or of mysql2/promise, says of its connections. */
function connectionConfigOf(pool: object): EndpointOptions {
  const { config, pool: core } = pool as { config?: { connectionConfig?: EndpointOptions }; pool?: object }
  return config?.connectionConfig ?? (core === undefined ? {} : connectionConfigOf(core))
}
