// The store suite on a real Postgres, for each way to give a store its connections.
import { createRequire } from 'node:module'
import pg from 'pg'
import t from 'tap'
import '../../support/built.js'
import { runSuite } from '../support/store-suite.js'
import { withServer } from './server.js'

const { postgresStore }: typeof import('../../../src/postgres/index.js') = createRequire(import.meta.url)(
  '../../../dist/postgres/index.js',
)

await withServer(t, async ({ url, admin, table }) => {
  const schema = `Odd schema ${process.pid}`
  await admin(`CREATE SCHEMA "${schema}"`)
  t.teardown(() => admin(`DROP SCHEMA "${schema}" CASCADE`))

  t.test('A store with a connectionString passes the store suite', async (t) => {
    runSuite(t, () => {
      const name = table()
      return { open: () => postgresStore({ connectionString: url, table: name }) }
    })
  })

  t.test('A store with an oddly named table in a schema passes the store suite', async (t) => {
    runSuite(t, () => {
      const name = `${schema}.The ${table()}`
      return { open: () => postgresStore({ connectionString: url, table: name }) }
    })
  })

  t.test('A store over a given pool of one connection passes the store suite', async (t) => {
    runSuite(t, () => {
      const name = table()
      const pool = new pg.Pool({ connectionString: url, max: 1 })
      return { open: () => postgresStore({ pool, table: name }), end: () => pool.end() }
    })
  })
})
