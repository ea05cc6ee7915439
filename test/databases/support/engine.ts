import type { Test } from 'tap'
import type { Store } from '../../../index.js'
import type { Backend } from '../../../src/database/backend.js'

/**
 * A database engine, as the tests of `contract/` use it: each of them runs once on every engine.
 */
export interface Engine {
  readonly name: 'redis' | 'postgres' | 'mysql'
  /** Why this machine cannot run the engine; `undefined` if it can. */
  readonly unavailable: string | undefined
  /** Whether a missing engine fails the tests instead of skipping them. */
  readonly isRequired: boolean
  /**
   * Processes that may open their first connections at about the same time, on a machine of two
   * cores.
   */
  readonly maxColdProcesses: number
  /** Warnings that one process may give of one outage. */
  readonly maxOutageWarnings: number
  /** Starts an empty server, which ends with the test. */
  start(t: Test): Promise<Database>
}

/** One running server. */
export interface Database<S extends Space = Space> {
  readonly port: number
  /** `undefined`: the server is not ours (DATABASE_URL names it), and must not be disturbed. */
  readonly control: Control | undefined
  /** Makes a part of the database that no other test uses. */
  createSpace(t: Test): S
}

/** Harms a server of our own. */
export interface Control {
  /** Whether a restarted server still has what was stored. */
  readonly keepsData: boolean
  /**
   * Ends the server like a crash: no connection is closed in an orderly way, nothing is flushed.
   */
  kill(): Promise<void>
  /** Starts the server again, on the same port. */
  start(): Promise<void>
  /** Stops every process of the server (SIGSTOP) until it is resumed. */
  suspend(): Promise<void>
  resume(): void
}

/** What a worker process needs to open a store. */
export interface StoreConfig {
  engine: Engine['name']
  /** Options of the store, as JSON can hold them. */
  options: object
}

export interface Place {
  /** Port of a proxy before the server. Default: the server's own. */
  port?: number
  /** The server lists the store's connections under this name. Default: the name of the space. */
  label?: string
  /** A user other than that of the tests. */
  login?: { username: string; password: string }
  /** More options of the store. */
  options?: object
}

/** A step of a fetch, as a store sends it to the server. */
export type Step = 'read' | 'readLedger' | 'acquire' | 'writeLedger' | 'commit'

/**
 * A part of a database that one test has for itself: a key prefix in Redis, a table in the others.
 */
export interface Space {
  config(place?: Place): StoreConfig
  /** Opens a store in this process. It is closed when the test ends. */
  createStore(place?: Place): Store
  /** Opens the steps of a store without the store. It is closed when the test ends. */
  createBackend(place?: Pick<Place, 'port'>): Backend
  /** The stored record of the key, read without a store. */
  record(key: string): Promise<{ value: unknown; generation: number } | undefined>
  /** Whether a lease of the key is stored, also one that has run out. */
  hasLease(key: string): Promise<boolean>
  /** Does what the first store would do: Redis learns the scripts, the others create the table. */
  prepare(): Promise<void>
  /** Whether these bytes, which a store sent, contain the step. */
  isStep(chunk: Buffer, step: Step): boolean
  /** Ends the connections of the stores from the server's side, and returns their number. */
  killConnections(): Promise<number>
  /** Removes everything that is stored, leases included. */
  clear(): Promise<void>
  /** Connections of the stores that have this label. */
  countConnections(label?: string): Promise<number>
  /** Makes every commit wait until the returned function is called. */
  blockCommits(): Promise<() => Promise<void>>
  /**
   * Opens a store whose user has too few rights for some writes: `refused` lists them, and `error`
   * matches the message of their errors. Everything else is allowed.
   */
  createLimitedStore(): Promise<{ store: Store; refused: ('set' | 'remove')[]; error: RegExp }>
}

/**
 * Runs tests on a server of the engine. Without the engine they are skipped, or fail if it is
 * required.
 */
export async function withDatabase(
  t: Test,
  engine: Engine,
  tests: (database: Database) => void | Promise<void>,
): Promise<void> {
  if (engine.unavailable === undefined) await tests(await engine.start(t))
  else if (engine.isRequired) t.fail(engine.unavailable)
  else t.pass(`with a real ${engine.name}`, { skip: engine.unavailable })
}
