// Servers as people have them: other character sets and SQL modes, limits, replicas, locks.
import { createRequire } from 'node:module'
import { createPool } from 'mysql2'
import { createConnection } from 'mysql2/promise'
import t, { type Test } from 'tap'
import { isTransient, leavesConnectionUsable } from '../../../src/mysql/errors.js'
import { pause, until } from '../../support/timing.js'
import { allHave, createScene, values } from '../support/workers.js'
import { databaseOf } from './engine.js'
import { startPooler } from './pooler.js'
import { PASSWORD, type Server, startMariadb, withServer } from './server.js'

const require = createRequire(import.meta.url)
const { createDog }: typeof import('../../../index.js') = require('../../../dist/index.js')
const { mysqlStore }: typeof import('../../../src/mysql/index.js') = require('../../../dist/mysql/index.js')

function createDogOn(t: Test, server: Server, options: object = {}) {
  const store = mysqlStore({ uri: server.url(), table: server.table(), ...options })
  const dog = createDog({ store })
  t.teardown(async () => {
    await dog.close()
    await store.close()
  })
  return { dog, store }
}

await withServer(t, async (server) => {
  t.test('Keys and values are bytes on a server of another character set, collation, SQL mode and time zone', async (t) => {
    const odd = await startMariadb(t, [
      '--character-set-server=utf8mb3',
      '--collation-server=utf8mb3_general_ci',
      '--sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,SIMULTANEOUS_ASSIGNMENT,EMPTY_STRING_IS_NULL',
      '--default-time-zone=+09:30',
      '--lower-case-table-names=1',
    ])
    const { dog, store } = createDogOn(t, odd)
    const keys = ['key', 'KEY', 'Key ', 'ké', 'ke\u0301', '🔑', "'; --", '\\', '%']
    for (const key of keys) await dog.set(key, `value of ${key} 🔑 ' \\ " `, { expiresIn: 60 })
    for (const key of keys) t.equal(await dog.get(key), `value of ${key} 🔑 ' \\ " `)
    const found: string[] = []
    for await (const key of store.keys()) found.push(key)
    t.strictSame(found.sort(), [...keys].sort())
    const lease = (await store.acquire('held', 5))!
    t.ok(lease)
    t.equal(await store.acquire('held', 5), undefined, 'the lease has not run out, whatever the time zone')
    await lease.release()
  })

  t.test('Processes get one value by one fetch while the server has too few connections for all', async (t) => {
    const small = await startMariadb(t, ['--max-connections=10'])
    const { upstream, get } = await createScene(t, databaseOf(small), { delay: 1500 })
    const workers = Array.from({ length: 12 }, () => get())
    const answers = await Promise.all(workers.map((worker) => worker.answered))
    t.equal(upstream.count, 1)
    const failed = answers.filter(({ error }) => error !== undefined)
    for (const { error, message } of failed)
      t.match({ error, message }, { error: 'ERR_DOG_STORE', message: /ER_CON_COUNT_ERROR|ETIMEDOUT/ })
    t.ok(answers.some(({ value }) => value === 'token-1-of-the-upstream'))
    t.notOk(values(workers).includes('token-2-of-the-upstream'))
  })

  t.test('Reads succeed on a server that ends idle sessions after a second', async (t) => {
    await server.admin('SET GLOBAL wait_timeout = 1')
    t.teardown(() => server.admin('SET GLOBAL wait_timeout = 28800'))
    const { store } = createDogOn(t, server)
    for (let i = 0; i < 4; i++) {
      t.equal(await store.read('K'), undefined)
      await pause(1100 + i * 20)
    }
  })

  t.test('A connection that has become read-only is replaced by one that takes writes', async (t) => {
    const pool = createPool({ uri: server.url(), connectionLimit: 2 })
    t.teardown(() => pool.promise().end())
    let connections = 0
    // Like connections to a primary that became a replica. The next ones lead to the new primary.
    pool.on('connection', (connection) => {
      if (++connections <= 2) connection.query('SET SESSION TRANSACTION READ ONLY', () => {})
    })
    const table = server.table()
    const first = mysqlStore({ uri: server.url(), table })
    const lease = (await first.acquire('other', 5))!
    await lease.release()
    const { store } = createDogOn(t, server, { uri: undefined, pool, table })
    t.teardown(() => first.close())
    const written = await store.acquire('K', 5)
    t.ok(written)
    await written!.release()
    t.ok(connections >= 2, `${connections}`)
  })

  t.test('A statement that waits for a lock is given up after 500 ms, and does not wait on in the server', async (t) => {
    const { dog, store } = createDogOn(t, server, { table: 'locked' })
    await dog.set('K', 'v', { expiresIn: 60 })
    const connection = await createConnection(server.url())
    t.teardown(() => connection.end())
    await connection.query('BEGIN')
    await connection.query("UPDATE locked SET step = step + 1 WHERE `key` = 'K'")
    const begunAt = performance.now()
    await t.rejects(store.acquire('K', 5), { code: 'ERR_DOG_STORE', message: /ETIMEDOUT/ })
    t.ok(performance.now() - begunAt < 3000, 'not after the 50 s that MariaDB lets a statement wait for a lock')
    await pause(600)
    const waiting = "SELECT 1 FROM information_schema.processlist WHERE info LIKE 'UPDATE `locked`%'"
    // Also the release that follows, in case the lease was taken.
    await until(async () => (await server.admin(waiting)).length === 0, { what: 'no abandoned statement waits on' })
    const acquiring = store.acquire('K', 5)
    await pause(150)
    await connection.query('COMMIT')
    const lease = await acquiring
    t.ok(lease)
    await lease!.release()
  })

  t.test('The victim of a deadlock is tried again, on the same connection', async (t) => {
    await server.admin('CREATE TABLE pair (id int PRIMARY KEY, n int)')
    await server.admin('INSERT INTO pair VALUES (1, 0), (2, 0)')
    const connections = await Promise.all([1, 2].map(() => createConnection(server.url())))
    t.teardown(() => Promise.all(connections.map((connection) => connection.end())))
    const [a, b] = connections as [(typeof connections)[0], (typeof connections)[0]]
    for (const connection of connections) await connection.query('BEGIN')
    await a.query('UPDATE pair SET n = 1 WHERE id = 1')
    await b.query('UPDATE pair SET n = 1 WHERE id = 2')
    const outcomes = await Promise.allSettled([
      a.query('UPDATE pair SET n = 2 WHERE id = 2'),
      b.query('UPDATE pair SET n = 2 WHERE id = 1'),
    ])
    const victim = outcomes.find((outcome) => outcome.status === 'rejected')!.reason
    t.equal(victim.errno, 1213)
    t.equal(isTransient(victim), true)
    t.equal(leavesConnectionUsable(victim), true)
  })

  t.test('Behind a pooler that sends each statement over any of its connections, processes make one fetch', async (t) => {
    const port = await startPooler(t, server.url())
    const { upstream, loops } = await createScene(t, databaseOf(server), { delay: 300 })
    const workers = loops(4, {}, { port })
    await allHave(workers, 'token-1-of-the-upstream')
    t.equal(upstream.count, 1)
    for (const worker of workers) t.strictSame((await worker.end()).warnings, [])
  })

  t.test('A pool with autocommit off is refused with a sentence that says so', async (t) => {
    const pool = createPool({ uri: server.url() })
    t.teardown(() => pool.promise().end())
    pool.on('connection', (connection) => connection.query('SET autocommit = 0', () => {}))
    const { dog } = createDogOn(t, server, { uri: undefined, pool })
    await t.rejects(dog.set('K', 'v', { expiresIn: 60 }), { code: 'ERR_DOG_STORE', message: /autocommit off/ })
  })

  t.test('What the server refuses shows neither a value nor the user', async (t) => {
    const uri = new URL(server.url())
    uri.password = 'wrong-marked-secret'
    const { dog } = createDogOn(t, server, { uri: uri.href })
    const error = await dog.get('K').catch((error) => error)
    t.match(error, { code: 'ERR_DOG_STORE', message: /ER_ACCESS_DENIED_ERROR/ })
    t.notMatch(`${error.message}${error.stack}${JSON.stringify(error)}${error.cause?.stack}`, /marked/)
    const { dog: other } = createDogOn(t, server, { table: 'narrow' })
    await other.set('K', 'v', { expiresIn: 60 })
    await server.admin('ALTER TABLE narrow MODIFY record varbinary(200)')
    const refused = await other.set('K', `marked-value ${'x'.repeat(500)}`, { expiresIn: 60 }).catch((error) => error)
    t.match(refused, { code: 'ERR_DOG_STORE', message: /the database refused what it was given/ })
    t.notMatch(
      `${refused.message}${refused.stack}${JSON.stringify(refused)}${refused.cause?.stack}`,
      /marked-value|6d61726b6564/,
    )
    t.notMatch(PASSWORD, 'marked-value')
  })
})
