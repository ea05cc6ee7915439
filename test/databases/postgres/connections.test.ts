// Connections that the server ends or makes read-only, and pools that a user gives.
import { createRequire } from 'node:module'
import pg from 'pg'
import t from 'tap'
import { startProxy } from '../support/cutting-proxy.js'
import { createScene, pause, until } from '../support/workers.js'
import { databaseOf } from './engine.js'
import { withServer } from './server.js'

const require = createRequire(import.meta.url)
const { createDog }: typeof import('../../../index.js') = require('../../../dist/index.js')
const { postgresStore }: typeof import('../../../src/postgres/index.js') = require('../../../dist/postgres/index.js')

/** The message ReadyForQuery, which ends every reply. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])
/** The message that ends a session: FATAL 57P01, as Postgres writes it. */
const FATAL = Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0')
const TERMINATED = Buffer.concat([Buffer.from('E'), Buffer.alloc(4), FATAL])
TERMINATED.writeInt32BE(4 + FATAL.length, 1)

await withServer(t, async (server) => {
  const database = databaseOf(server)

  for (const how of ['connectionString', 'pool']) {
    t.test(`Connections that the server ends in the same packet as a reply end no process (${how})`, async (t) => {
      const { upstream, space, loops } = await createScene(t, database)
      const proxy = await startProxy(t, database.port)
      let replies = 0
      // Every third reply, beginning with the first one of a connection, which ends its start-up.
      proxy.onReply = (chunk) => {
        const isReply = chunk.subarray(-READY.length).equals(READY)
        return isReply && replies++ % 3 === 0 ? { end: Buffer.concat([chunk, TERMINATED]) } : undefined
      }
      const place = { port: proxy.port }
      const env = how === 'pool' ? { POOL: space.config(place).options.connectionString } : {}
      const workers = loops(3, env, place)
      await until(() => workers.every((worker) => worker.process.exitCode !== null || worker.last()?.value !== undefined))
      await pause(2000)
      t.ok(replies > 30, `${replies} replies`)
      t.equal(upstream.count, 1)
      for (const worker of workers) {
        t.equal(worker.last()?.value, 'token-1-of-the-upstream')
        await worker.end()
      }
    })
  }

  t.test('Reads succeed on a server that ends sessions after 20 ms without a query', async (t) => {
    const url = new URL(server.url)
    url.searchParams.set('options', '-c idle_session_timeout=20')
    const store = postgresStore({ connectionString: url.href, table: server.table() })
    t.teardown(() => store.close())
    let failures = 0
    for (let i = 0; i < 150; i++) {
      try {
        await store.read('K')
      } catch {
        failures++
      }
      // Around the moment at which the server ends the session.
      await pause(18 + (i % 5))
    }
    t.equal(failures, 0)
  })

  t.test('A connection that has become read-only is replaced by one that takes writes', async (t) => {
    const pool = new pg.Pool({ connectionString: server.url, max: 2 })
    t.teardown(() => pool.end())
    let connections = 0
    // Like connections to a primary that became a replica. The next connections lead to the new
    // primary.
    pool.on('connect', (client) => {
      if (++connections <= 2) client.query('SET default_transaction_read_only = on').catch(() => {})
    })
    const store = postgresStore({ pool, table: server.table() })
    t.teardown(() => store.close())
    const lease = await store.acquire('K', 5)
    t.ok(lease)
    const record = {
      key: 'K',
      value: 'v',
      fetchedAt: Date.now(),
      expiresAt: Date.now() + 60_000,
      ahead: 0,
      generation: lease!.fencingToken,
    }
    t.equal(await lease!.commit(record), true)
    t.ok(connections >= 2, `${connections}`)
  })

  for (const form of ['a subclass', 'a wrapper']) {
    t.test(`A given pool that is ${form} with nothing but connect() works as well`, async (t) => {
      class Subclass extends pg.Pool {
        override async connect(): Promise<never> {
          return (await super.connect()) as never
        }
      }
      const subclass = new Subclass({ connectionString: server.url })
      const plain = new pg.Pool({ connectionString: server.url })
      const wrapper = { options: plain.options, connect: () => plain.connect(), on: plain.on.bind(plain) }
      t.teardown(() => Promise.all([subclass.end(), plain.end()]))
      const store = postgresStore({ pool: form === 'a subclass' ? subclass : wrapper, table: server.table() })
      t.teardown(() => store.close())
      const dog = createDog({ store })
      await dog.set('K', 'v', { expiresIn: 60 })
      t.equal((await store.read('K'))?.value, 'v')
      await dog.close()
    })
  }
})
