import { createRequire } from 'node:module'
import type { Test } from 'tap'
import { RedisBackend } from '../../../src/redis/backend.js'
import { OwnConnections } from '../../../src/redis/connection-provider.js'
import * as scripts from '../../../src/redis/scripts.js'
import type { Control, Database, Engine, Place, Space, Step } from '../support/engine.js'
import { isRequired, type Server, startRedis, unavailable } from './server.js'

const require = createRequire(import.meta.url)
const { redisStore }: typeof import('../../../src/redis/index.js') = require('../../../dist/redis/index.js')

export const redis: Engine = {
  name: 'redis',
  unavailable,
  isRequired,
  maxColdProcesses: 32,
  maxOutageWarnings: 1,
  start: async (t) => new RedisDatabase(t, await startRedis(t)),
}

class RedisDatabase implements Database {
  readonly port: number
  readonly control: Control
  /** The running server; after a kill another one, on the same port. */
  server: Server
  #spaces = 0

  constructor(t: Test, server: Server) {
    this.server = server
    this.port = server.port
    this.control = {
      keepsData: false,
      kill: () => this.server.kill(),
      start: async () => {
        this.server = await startRedis(t, { port: this.port })
      },
      suspend: () => this.server.pause(),
      resume: () => this.server.resume(),
    }
  }

  createSpace(t: Test): Space {
    return new RedisSpace(t, this, `space-${this.#spaces++}:`)
  }
}

const SCRIPT_OF: Record<Step, scripts.Script> = {
  read: scripts.READ,
  readLedger: scripts.READ_LEDGER,
  acquire: scripts.ACQUIRE,
  writeLedger: scripts.WRITE_LEDGER,
  commit: scripts.COMMIT,
}

/** The keys of one prefix. */
class RedisSpace implements Space {
  readonly #t: Test
  readonly #database: RedisDatabase
  readonly #prefix: string

  constructor(t: Test, database: RedisDatabase, prefix: string) {
    this.#t = t
    this.#database = database
    this.#prefix = prefix
  }

  #options({ port = this.#database.port, label = this.#prefix, login, options }: Place = {}) {
    const url = new URL(`redis://127.0.0.1:${port}?connectionName=${label}`)
    return { url: Object.assign(url, login).href, prefix: this.#prefix, ...options }
  }

  config(place?: Place) {
    return { engine: 'redis' as const, options: this.#options(place) }
  }

  createStore(place?: Place) {
    const store = redisStore(this.#options(place))
    this.#t.teardown(() => store.close())
    return store
  }

  createBackend({ port = this.#database.port }: Place = {}) {
    const connections = new OwnConnections(this.#options({ port }).url, undefined, `127.0.0.1:${port}`)
    const backend = new RedisBackend(connections, this.#prefix)
    this.#t.teardown(() => backend.close())
    return backend
  }

  async record(key: string) {
    const text = await this.#database.server.admin.hget(`${this.#prefix}{${key}}:record`, 'text')
    return text === null ? undefined : JSON.parse(text)
  }

  async hasLease(key: string) {
    return (await this.#database.server.admin.hexists(`${this.#prefix}{${key}}:state`, 'nonce')) === 1
  }

  async prepare() {
    for (const { lua } of Object.values(scripts)) await this.#database.server.admin.script('LOAD', lua)
  }

  isStep(chunk: Buffer, step: Step) {
    const { sha, lua } = SCRIPT_OF[step]
    return chunk.includes(sha) || chunk.includes(lua)
  }

  async killConnections() {
    const { admin } = this.#database.server
    const clients = await this.#connections(this.#prefix)
    for (const client of clients) await admin.client('KILL', 'ID', /^id=(\d+)/.exec(client)![1]!)
    return clients.length
  }

  async clear() {
    await this.#database.server.admin.flushall()
  }

  async countConnections(label = this.#prefix) {
    return (await this.#connections(label)).length
  }

  async #connections(label: string): Promise<string[]> {
    const { admin } = this.#database.server
    const own = `id=${await admin.client('ID')} `
    const clients = String(await admin.client('LIST'))
      .trim()
      .split('\n')
    // A connection that has just been made has no name yet.
    const isLabelled = (client: string) => [` name=${label} `, ' name= '].some((name) => client.includes(name))
    return clients.filter((client) => !client.startsWith(own) && isLabelled(client))
  }

  /** Redis forgets the scripts, too, so that each has to be sent again. */
  async blockCommits() {
    await this.#database.server.admin.script('FLUSH')
    await this.#database.server.pause()
    return async () => this.#database.server.resume()
  }

  async createLimitedStore() {
    await this.#database.server.admin.acl('SETUSER', 'limited', 'on', '>word', '~*', '&*', '+@all', '-del')
    const store = this.createStore({ login: { username: 'limited', password: 'word' } })
    return { store, refused: ['remove' as const], error: /ERR: Redis refused/ }
  }
}
