import { DogError } from 'dotdog'
import type { Backend, Claim, Holder, LedgerText, RecordText, Taken } from '../database/backend.js'
import { Connection, type Given, type Row } from './connection.js'
import { isMadeAlready, isMissingTable } from './errors.js'
import { keyOfPayload, keyToText, placeOf, type Table, textToKey } from './identifiers.js'
import { type Statements, statementsFor } from './statements.js'
import { Listening } from './subscriber.js'

/** Keys that are listed by one statement. */
const PAGE = 1000

/** One row a key, in a table that is made when the first lease is taken. */
export class PostgresBackend implements Backend {
  readonly name = 'postgres'
  readonly place: string
  readonly #table: Table
  readonly #sql: Statements
  readonly #connection: Connection
  readonly #listening: Listening

  constructor(given: Given, table: Table) {
    this.place = placeOf('pool' in given ? given.pool.options : given)
    this.#table = table
    this.#sql = statementsFor(table)
    this.#connection = new Connection(given)
    this.#listening = new Listening(this.#connection, this.#sql.listen)
  }

  async read(key: string): Promise<string | undefined> {
    const [row] = await this.#run(this.#sql.read, [keyToText(key)])
    return (row?.record as string | null) ?? undefined
  }

  async ledger(key: string): Promise<string | undefined> {
    const [row] = await this.#run(this.#sql.ledger, [keyToText(key)])
    return (row?.ledger as string | null) ?? undefined
  }

  async holder(key: string): Promise<Holder | undefined> {
    const [row] = await this.#run(this.#sql.holder, [keyToText(key)])
    return row && { fencingToken: Number(row.drawn), name: String(row.holder), left: Number(row.remains) }
  }

  async take(key: string, { nonce, name, leaseMs, floor }: Claim): Promise<Taken | undefined> {
    const values = [keyToText(key), nonce, name, leaseMs, floor]
    let rows: Row[]
    try {
      rows = await this.#connection.run(this.#sql.take, values)
    } catch (error) {
      if (!isMissingTable(error)) throw error
      await this.#makeTable()
      rows = await this.#connection.run(this.#sql.take, values)
    }
    const [row] = rows
    if (row === undefined) return undefined
    return { number: Number(row.drawn), ...(row.displaced !== null && { displaced: String(row.displaced) }) }
  }

  async #makeTable(): Promise<void> {
    try {
      await this.#connection.run(this.#sql.create)
    } catch (error) {
      if (isMadeAlready(error)) return
      const { message, code } = error as { message: string; code?: string }
      const problem = `${this.place}: the table ${this.#table.sql} is missing and cannot be made: ${message}`
      throw new DogError('ERR_DOG_STORE', `${problem}${code === undefined ? '' : ` (${code})`}`)
    }
  }

  async renew(key: string, nonce: string, leaseMs: number): Promise<boolean> {
    return (await this.#run(this.#sql.renew, [keyToText(key), nonce, leaseMs])).length > 0
  }

  async note(key: string, nonce: string, { text, last }: LedgerText): Promise<boolean> {
    return (await this.#run(this.#sql.note, [keyToText(key), nonce, text, last])).length > 0
  }

  async commit(key: string, nonce: string, record: RecordText | undefined): Promise<boolean> {
    const values = [keyToText(key), nonce, record?.text ?? null, record?.generation ?? null, this.#table.channel]
    if ((await this.#run(this.#sql.commit, values)).length > 0) return true
    // Lost, or done already by a first try whose answer was lost.
    return record !== undefined && (await this.read(key)) === record.text
  }

  async release(key: string, nonce: string): Promise<void> {
    await this.#run(this.#sql.release, [keyToText(key), nonce, this.#table.channel])
  }

  async *keys(): AsyncIterable<string> {
    for (let last = ''; ; ) {
      const page = await this.#run(this.#sql.keys, [last, PAGE])
      for (const { key } of page) yield textToKey(String(key))
      if (page.length < PAGE) return
      last = String(page.at(-1)!.key)
    }
  }

  async listen(listener: (key: string | undefined, generation?: number) => void): Promise<() => void> {
    return await this.#listening.listen((payload) => {
      if (payload === undefined) return listener(undefined)
      const key = keyOfPayload(payload)
      if (key !== undefined) listener(key, Number.parseInt(payload, 10))
    })
  }

  async close(): Promise<void> {
    this.#listening.close()
    await this.#connection.close()
  }

  /** Where there is no table there is nothing: no record, and no lease that could be ours. */
  async #run(text: string, values: readonly unknown[]): Promise<Row[]> {
    try {
      return await this.#connection.run(text, values)
    } catch (error) {
      if (isMissingTable(error)) return []
      throw error
    }
  }
}
