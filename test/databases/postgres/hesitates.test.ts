// What a Postgres that makes the commit wait does to processes that use it.
import { createRequire } from 'node:module'
import pg from 'pg'
import t from 'tap'
import type { DogRecord } from '../../../index.js'
import { startHangman } from './connection-killer.js'
import { withServer } from './server.js'
import { last, pause, scene, until } from './setup.js'

const require = createRequire(import.meta.url)
const { createDog }: typeof import('../../../index.js') = require('../../../dist/index.js')
const { postgresStore }: typeof import('../../../src/postgres/index.js') = require('../../../dist/postgres/index.js')

/** Milliseconds in which the others have begun to wait. */
const BOOT = 2000

await withServer(t, async (server) => {
  // Longer than one operation may take (500 ms), shorter than a lease (5 s).
  for (const ms of [700, 1500, 2500]) {
    t.test(`a table that is locked for ${ms} ms around the commit costs no fetch`, async (t) => {
      const { upstream, loop, table } = await scene(t, server, { delay: BOOT + 300 })
      const asked = upstream.asked()
      const loops = Array.from({ length: 3 }, () => loop())
      await asked
      await pause(BOOT)
      const client = new pg.Client({ connectionString: server.url })
      await client.connect()
      await client.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`)
      await until(() => upstream.answeredAt.length === 1)
      await pause(ms)
      await client.query('COMMIT')
      await client.end()
      await until(() => loops.every(({ lines }) => last(lines)?.value !== undefined))
      await pause(500)
      t.equal(upstream.count, 1)
      for (const { lines, process, exited } of loops) {
        t.equal(last(lines)?.value, 'token-1-of-the-upstream')
        t.strictSame(
          lines.filter(({ error, warning }) => error ?? warning),
          [],
        )
        process.kill('SIGTERM')
        t.match(await exited, { code: 0, err: '' })
      }
    })
  }

  t.test('a commit that Postgres refuses is told at once, and holds up nobody', async (t) => {
    const table = server.table()
    const role = `limited_${table}`
    const url = new URL(server.url)
    Object.assign(url, { username: role, password: 'word' })
    await server.admin(`CREATE ROLE ${role} LOGIN PASSWORD 'word'`)
    t.teardown(() => server.admin(`DROP OWNED BY ${role}; DROP ROLE ${role}`))
    const [owner, limited] = [server.url, url.href].map((connectionString) => postgresStore({ connectionString, table }))
    t.teardown(() => Promise.all([owner!.close(), limited!.close()]))
    await (await owner!.acquire('K', 5))!.release()
    await server.admin(`GRANT SELECT, INSERT ON ${table} TO ${role}`)
    await server.admin(`GRANT UPDATE (nonce, holder, displaced, until, drawn, ledger, last) ON ${table} TO ${role}`)
    const dog = createDog({ store: limited! })
    t.teardown(() => dog.close())
    const begun = performance.now()
    await t.rejects(dog.set('K', 'v', { expiresIn: 60 }), { code: 'ERR_DOG_STORE', message: /42501/ })
    t.ok(performance.now() - begun < 3000, 'not when the lease of 5 s has run out')
    t.equal(await limited!.holder!('K'), undefined, 'nothing is held')
  })

  t.test('a removal whose connection is cut after it was done was one', async (t) => {
    const table = server.table()
    const url = new URL(server.url)
    let isNext = false
    const isCommit = () => isNext && !(isNext = false)
    url.port = String(await startHangman(t, Number(url.port || 5432), isCommit, true))
    const store = postgresStore({ connectionString: url.href, table })
    t.teardown(() => store.close())
    const dog = createDog({ store })
    t.teardown(() => dog.close())
    await dog.set('K', 'v', { expiresIn: 60 })
    const take = store.acquire.bind(store)
    store.acquire = async (key, timeout) => {
      const lease = await take(key, timeout)
      const commit = lease!.commit.bind(lease)
      const cut = (record?: DogRecord) => {
        isNext = true
        store.acquire = take
        return commit(record)
      }
      return Object.assign(lease!, { commit: cut })
    }
    t.equal(await dog.remove('K'), true)
    t.equal(await store.read('K'), undefined)
  })

  for (const form of ['a subclass', 'a wrapper']) {
    t.test(`a given pool that is ${form} with connect() alone serves as well`, async (t) => {
      class Own extends pg.Pool {
        override async connect(): Promise<never> {
          return (await super.connect()) as never
        }
      }
      const own = new Own({ connectionString: server.url })
      const plain = new pg.Pool({ connectionString: server.url })
      const wrapper = { options: plain.options, connect: () => plain.connect(), on: plain.on.bind(plain) }
      t.teardown(() => Promise.all([own.end(), plain.end()]))
      const store = postgresStore({ pool: form === 'a subclass' ? own : wrapper, table: server.table() })
      t.teardown(() => store.close())
      const dog = createDog({ store })
      await dog.set('K', 'v', { expiresIn: 60 })
      t.equal((await store.read('K'))?.value, 'v')
      await dog.close()
    })
  }
})
