// The only importer of pg, an optional peer dependency.
import { DogError } from 'dotdog'
import type { Client, PoolClient, PoolConfig } from 'pg'
import { pause } from '../core/shared/clock.js'
import { cancel } from './cancel.js'
import { BOUND, Bound, bounded } from './deadline.js'
import { Fault, faultOf, isAnswer, isPassing } from './errors.js'

/** At most so many connections a process, opened as they are needed; who listens has one more. */
const MOST = 2
/** Milliseconds after which an idle one is closed. */
const IDLE = 10_000
/** Milliseconds before each further try: a pool may have kept several connections that were lost together. */
const PAUSES = [0, 0, 20, 60]

/** What is used of a `pg.Pool`. */
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

export type Given = { connectionString: string } | { pool: PostgresPool }

export type Row = Record<string, unknown>

/** A connection apart: it can be told not to keep the process alive. */
export type Apart = Client & { unref(): void }

const ignore = (): void => {}

function hear(client: PoolClient): void {
  if (!client.listeners('error').includes(ignore)) client.on('error', ignore)
}

/** Pools that we listen to, of users too, and how many of their clients are on their way to us. */
const heard = new WeakMap<PostgresPool, { coming: number }>()

/**
 * An `error` that nobody hears ends the process: of an idle connection the pool's, of one that it lends the connection's own.
 * That one may have ended in the same packet by which it began, so that after a promise it is too late to listen.
 */
function listenTo(pool: Pool): { coming: number } {
  let known = heard.get(pool)
  if (known === undefined) {
    const own = { coming: 0 }
    pool.on('error', ignore)
    pool.on('acquire', (client) => own.coming > 0 && hear(client))
    heard.set(pool, (known = own))
  }
  return known
}

async function borrow(pool: Pool): Promise<PoolClient> {
  const known = listenTo(pool)
  known.coming++
  try {
    const client = await pool.connect()
    hear(client)
    return client
  } finally {
    known.coming--
  }
}

function giveBack(client: PoolClient, isSound: boolean): void {
  client.release(!isSound)
  client.off('error', ignore)
}

/** Runs statements, one at a time each, over a pool of its own or one that was given. */
export class Connection {
  readonly #given: Given
  readonly #secrets: string[]
  #own: Promise<Pool> | undefined
  #isClosed = false

  constructor(given: Given) {
    this.#given = given
    const options: PoolConfig = 'pool' in given ? given.pool.options : given
    this.#secrets = [options.connectionString, options.password, passwordIn(options.connectionString)].filter(
      (secret): secret is string => typeof secret === 'string',
    )
  }

  /**
   * The rows that a statement gives, within 500 ms. It may run twice, if a connection is lost.
   * @throws Fault
   */
  async run(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    // Loading pg is not the database's time.
    const pool = await this.#pool()
    const bound = new Bound()
    try {
      for (let tries = 0; ; tries++) {
        try {
          return await this.#runOnce(pool, bound, text, values)
        } catch (error) {
          const ms = PAUSES[tries]
          if (!isPassing(error) || ms === undefined || bound.isOver) throw this.fault(error)
          await pause(ms)
        }
      }
    } finally {
      bound.end()
    }
  }

  fault(error: unknown): Error {
    return error instanceof DogError || error instanceof Fault ? error : faultOf(error, this.#secrets)
  }

  async #runOnce(pool: Pool, bound: Bound, text: string, values: readonly unknown[]): Promise<Row[]> {
    const client = await bound.of(borrow(pool), (late) => giveBack(late, true))
    let isSound = false
    try {
      const { rows } = await bound.of(client.query<Row>(text, [...values]))
      isSound = true
      return rows
    } catch (error) {
      isSound = isAnswer(error)
      if (bound.isOver) cancel(client)
      throw error
    } finally {
      // One that did not answer in time may answer later, to somebody else's question: it is not used again.
      giveBack(client, isSound)
    }
  }

  async #pool(): Promise<Pool> {
    this.#mustBeOpen()
    if ('pool' in this.#given) return this.#given.pool as Pool
    this.#own ??= this.#makePool(this.#given.connectionString)
    return await this.#own
  }

  async #makePool(connectionString: string): Promise<Pool> {
    const { Pool } = await load()
    return new Pool({ ...settings({ connectionString }), max: MOST, idleTimeoutMillis: IDLE, allowExitOnIdle: true })
  }

  /** A connection apart, not begun yet: with the settings of the pool, and none of its places. */
  async client(): Promise<Apart> {
    const { Client } = await load()
    this.#mustBeOpen()
    const given = 'pool' in this.#given ? this.#given.pool.options : this.#given
    const client = new Client(settings(given)) as Apart
    client.on('error', ignore)
    return client
  }

  #mustBeOpen(): void {
    if (this.#isClosed) throw new Fault('this store was closed', undefined)
  }

  /** For good. A pool that was given is its giver's. */
  async close(): Promise<void> {
    this.#isClosed = true
    const own = this.#own
    this.#own = undefined
    // A server that does not answer does not say goodbye either.
    if (own !== undefined) await bounded(own.then((pool) => pool.end())).catch(ignore)
  }
}

async function load(): Promise<Pick<typeof import('pg'), 'Client' | 'Pool'>> {
  try {
    return (await import('pg')).default
  } catch (error) {
    const code = String(Object(error).code)
    const isMissing = code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND'
    const what = isMissing ? 'the package pg is missing' : 'the package pg cannot be loaded'
    throw new DogError('ERR_DOG_STORE', `postgresStore: ${what}: npm install pg`)
  }
}

/** A given pool's password is not enumerable. */
const settings = (given: PoolConfig): PoolConfig => ({
  fallback_application_name: 'dotdog',
  keepAlive: true,
  ...given,
  ...('password' in given && { password: given.password }),
  // An attempt that nobody waits for any more ends too.
  connectionTimeoutMillis: 2 * BOUND,
})

function passwordIn(connectionString: string | undefined): string | undefined {
  if (connectionString === undefined || !URL.canParse(connectionString)) return undefined
  const { password, searchParams } = new URL(connectionString)
  const found = searchParams.get('password') ?? password
  try {
    return decodeURIComponent(found)
  } catch {
    return found
  }
}
