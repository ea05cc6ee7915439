// The store suite on a real Postgres, by each way in which a store is given one.
import { createRequire } from 'node:module'
import pg from 'pg'
import t from 'tap'
import type { Store } from '../../../index.js'
import { runStoreSuite } from '../../support/run-store-suite.js'
import { withServer } from './server.js'
import '../../support/built.js'

const { postgresStore }: typeof import('../../../src/postgres/index.js') = createRequire(import.meta.url)(
  '../../../dist/postgres/index.js',
)

await withServer(t, async ({ url, admin, table }) => {
  const schema = `Odd schema ${process.pid}`
  await admin(`CREATE SCHEMA "${schema}"`)
  t.teardown(() => admin(`DROP SCHEMA "${schema}" CASCADE`))

  const suite = (title: string, make: (table: string) => { open: () => Store; end: () => Promise<void> }) =>
    t.test(title, async (t) => {
      runStoreSuite(t, {
        factory: async () => {
          const { open, end } = make(table())
          const opened = [open()]
          return {
            store: opened[0]!,
            open: async () => {
              opened.push(open())
              return opened.at(-1)!
            },
            close: async () => {
              await Promise.all(opened.map((store) => store.close()))
              await end()
            },
          }
        },
        supports: { holder: true, watch: true, persistent: true },
      })
    })

  const end = async () => {}
  suite('a store with connections of its own', (table) => ({
    open: () => postgresStore({ connectionString: url, table }),
    end,
  }))
  suite('a table in a schema, with an odd name', (table) => ({
    open: () => postgresStore({ connectionString: url, table: `${schema}.The ${table}` }),
    end,
  }))
  suite('a store over a given pool of one connection', (table) => {
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    return { open: () => postgresStore({ pool, table }), end: () => pool.end() }
  })
})
