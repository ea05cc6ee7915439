// The options of a store. These tests need no Postgres.
import { createRequire } from 'node:module'
import pg from 'pg'
import t from 'tap'
import '../../support/built.js'
import { endpointOf } from '../../../src/postgres/identifiers.js'

const { postgresStore }: typeof import('../../../src/postgres/index.js') = createRequire(import.meta.url)(
  '../../../dist/postgres/index.js',
)

const connectionString = 'postgres://bob:marked-password@127.0.0.1:1/app'

t.test('Wrong options throw a TypeError that names the option and shows no secret', async (t) => {
  const pool = new pg.Pool()
  const wrong: [options: unknown, message: RegExp][] = [
    [undefined, /^the options of postgresStore must be an object; got undefined/],
    [connectionString, /^the options of postgresStore must be an object; got string/],
    [{}, /either connectionString or pool; got neither/],
    [{ connectionString, pool }, /either connectionString or pool; got both/],
    [{ connectionString: '' }, /^connectionString must be a non-empty string.*got an empty string/],
    [{ connectionString: new URL(connectionString) }, /^connectionString must be .*got object/],
    [{ pool: {} }, /^pool must be a Pool/],
    [{ pool: null }, /^pool must be a Pool.*null/],
    [{ pool: new pg.Client() }, /^pool must be a Pool/],
    [{ connectionString, localFallback: 'yes' }, /^localFallback must be true or false/],
  ]
  for (const table of [
    '',
    '.',
    'a.',
    '.a',
    'a.b.c',
    ' a',
    'a ',
    '"a"',
    'a\0b',
    'x'.repeat(64),
    '中'.repeat(22),
    '\ud800',
    7,
    null,
    {},
  ]) {
    wrong.push([
      { connectionString, table },
      /^table must be a name or schema\.name.*; got .*\((string|number|null|object)\)$/s,
    ])
  }
  for (const [options, message] of wrong) {
    const make = () => postgresStore(options as Parameters<typeof postgresStore>[0])
    t.throws(make, { name: 'TypeError', message })
    try {
      make()
    } catch (error) {
      t.notMatch((error as Error).message, /marked|bob/)
    }
  }
})

t.test('A store opens no connection before its first use, and closes without one', async (t) => {
  const store = postgresStore({ connectionString })
  t.equal(store.name, 'postgres')
  await store.close()
  await store.close()
})

t.test('An endpoint names host, port and database, without user, password and parameters', async (t) => {
  const cases: [options: Parameters<typeof endpointOf>[0], endpoint: string][] = [
    [
      { connectionString: 'postgres://bob:pw@db.example:6543/app?sslmode=require&password=pw2' },
      'postgres db.example:6543/app',
    ],
    [{ connectionString: 'postgresql://bob:p%2Fw@db.example/app' }, 'postgres db.example:5432/app'],
    [{ connectionString: 'postgres://bob:pw@[::1]:7/app' }, 'postgres [::1]:7/app'],
    [{ connectionString: 'postgres:///app?host=/run/pg&user=bob' }, 'postgres /run/pg:5432/app'],
    [{ connectionString: 'socket:/run/pg?db=app' }, 'postgres /run/pg:5432/app'],
    [{ connectionString: '/run/pg app' }, 'postgres /run/pg:5432/app'],
    [{ connectionString: 'postgres://bob:p@ss:w@rd@db.example/app' }, 'postgres db.example:5432/app'],
    [{ connectionString: 'postgres://bob:p/w?#@db.example/app' }, 'postgres'],
    [{ connectionString: 'postgres://bob:12/34secret@db.example/app' }, 'postgres'],
    [{ connectionString: 'postgres://bob:1#hunter2@db.example/app' }, 'postgres'],
    [{ host: 'db.example', port: 1, database: 'app' }, 'postgres db.example:1/app'],
    [{}, 'postgres localhost:5432'],
  ]
  for (const name of ['PGHOST', 'PGPORT', 'PGDATABASE']) delete process.env[name]
  for (const [options, endpoint] of cases) t.equal(endpointOf(options), endpoint)
})

t.test('A refused connection fails with ERR_DOG_STORE and shows neither user nor password', async (t) => {
  const store = postgresStore({ connectionString })
  const error = await Promise.resolve(store.read('K')).catch((error) => error)
  t.match(error, { code: 'ERR_DOG_STORE', message: /^postgres 127\.0\.0\.1:1\/app: .*ECONNREFUSED/ })
  t.notMatch(`${error.stack}${error.cause?.stack}${JSON.stringify(error)}`, /marked|bob/)
  await store.close()
})

t.test('A misspelt option throws a TypeError that names the right one', async (t) => {
  const misspelt = { connectionString, localFalback: true } as Parameters<typeof postgresStore>[0]
  t.throws(() => postgresStore(misspelt), {
    name: 'TypeError',
    message: 'unknown option "localFalback" of postgresStore; did you mean "localFallback"?',
  })
})
