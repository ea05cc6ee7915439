// The options of a store. These tests need no MariaDB.
import { createRequire } from 'node:module'
import { createPool } from 'mysql2'
import t from 'tap'
import '../../support/built.js'
import { endpointOf } from '../../../src/mysql/identifiers.js'

const { mysqlStore }: typeof import('../../../src/mysql/index.js') = createRequire(import.meta.url)(
  '../../../dist/mysql/index.js',
)

const uri = 'mysql://bob:marked-password@127.0.0.1:1/app'

t.test('Wrong options throw a TypeError that names the option and shows no secret', async (t) => {
  const pool = createPool({ uri })
  t.teardown(() => pool.promise().end())
  const wrong: [options: unknown, message: RegExp][] = [
    [undefined, /^the options of mysqlStore must be an object; got undefined/],
    [uri, /^the options of mysqlStore must be an object; got string/],
    [{}, /either uri or pool; got neither/],
    [{ uri, pool }, /either uri or pool; got both/],
    [{ uri: '' }, /^uri must be an address.*got an empty string/],
    [{ uri: 'postgres://marked@host/app' }, /^uri must be an address/],
    [{ uri: new URL(uri) }, /^uri must be .*got object/],
    [{ pool: {} }, /^pool must be a pool/],
    [{ pool: uri }, /^pool must be a pool/],
    [{ uri, localFallback: 'yes' }, /^localFallback must be true or false/],
    [{ uri, tabel: 'x' }, /^unknown option "tabel" of mysqlStore; did you mean "table"\?/],
  ]
  for (const table of ['', '.', 'a.', '.a', 'a.b.c', ' a', 'a ', '`a`', 'a\0b', 'x'.repeat(65), '🔑', '\ud800', 7, null, {}]) {
    wrong.push([{ uri, table }, /^table must be a name or database\.name/])
  }
  for (const [options, message] of wrong) {
    const make = () => mysqlStore(options as Parameters<typeof mysqlStore>[0])
    t.throws(make, { name: 'TypeError', message })
    try {
      make()
    } catch (error) {
      t.notMatch((error as Error).message, /marked|bob/)
    }
  }
})

t.test('An endpoint names host, port and database, without user, password and parameters', async (t) => {
  const cases: [options: Parameters<typeof endpointOf>[0], endpoint: string][] = [
    [{ uri: 'mysql://bob:pw@db.example:3307/app?ssl=x&password=pw2' }, 'mysql db.example:3307/app'],
    [{ uri: 'mysql://bob:p%2Fw@db.example/app' }, 'mysql db.example:3306/app'],
    [{ uri: 'mysql://bob:pw@[::1]:7/app' }, 'mysql [::1]:7/app'],
    [{ uri: 'mysql://bob:p/w?#@db.example/app' }, 'mysql'],
    [{ uri: 'mysql://bob:12/34secret@db.example/app' }, 'mysql'],
    [{ host: 'db.example', port: 1, database: 'app' }, 'mysql db.example:1/app'],
    [{ socketPath: '/run/mysqld/mysqld.sock', database: 'app' }, 'mysql /run/mysqld/mysqld.sock/app'],
    [{}, 'mysql localhost:3306'],
  ]
  for (const [options, endpoint] of cases) t.equal(endpointOf(options), endpoint)
})

t.test('A store opens no connection before its first use, and closes without one', async (t) => {
  const store = mysqlStore({ uri })
  t.equal(store.name, 'mysql')
  await store.close()
  await store.close()
  await t.rejects(Promise.resolve(store.read('K')), { code: 'ERR_DOG_STORE', message: /this store was closed/ })
})

t.test('A refused connection fails with ERR_DOG_STORE and shows neither user nor password', async (t) => {
  const store = mysqlStore({ uri: uri.replace('mysql:', 'mariadb:') })
  const error = await Promise.resolve(store.read('K')).catch((error) => error)
  t.match(error, { code: 'ERR_DOG_STORE', message: /^mysql 127\.0\.0\.1:1\/app: .*ECONNREFUSED/ })
  t.notMatch(`${error.stack}${error.cause?.stack}${JSON.stringify(error)}`, /marked|bob/)
  await store.close()
})
