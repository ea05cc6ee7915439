// The store suite on a real MariaDB, for each way to give a store its connections.
import { createRequire } from 'node:module'
import { createPool } from 'mysql2'
import { createPool as createPromisePool } from 'mysql2/promise'
import t from 'tap'
import '../../support/built.js'
import { runSuite } from '../support/store-suite.js'
import { withServer } from './server.js'

const { mysqlStore }: typeof import('../../../src/mysql/index.js') = createRequire(import.meta.url)(
  '../../../dist/mysql/index.js',
)

await withServer(t, async (server) => {
  const uri = server.url()

  t.test('A store with a uri passes the store suite', async (t) => {
    runSuite(t, () => {
      const table = server.table()
      return { open: () => mysqlStore({ uri, table }) }
    })
  })

  t.test('A store with an oddly named table in another database passes the store suite', async (t) => {
    await server.admin('CREATE DATABASE `Odd "database"`')
    await server.admin('GRANT ALL ON `Odd "database"`.* TO marked_owner')
    runSuite(t, () => {
      const table = `Odd "database".The ${server.table()}`
      return { open: () => mysqlStore({ uri, table }) }
    })
  })

  t.test('A store over a given pool of one connection passes the store suite', async (t) => {
    runSuite(t, () => {
      const table = server.table()
      const pool = createPool({ uri, connectionLimit: 1 })
      return { open: () => mysqlStore({ pool, table }), end: () => pool.promise().end() }
    })
  })

  t.test('A store over a given pool of promises with other forms of rows passes the store suite', async (t) => {
    runSuite(t, () => {
      const table = server.table()
      const forms = {
        rowsAsArray: true,
        supportBigNumbers: true,
        bigNumberStrings: true,
        dateStrings: true,
        namedPlaceholders: true,
      }
      const pool = createPromisePool({ uri, ...forms, timezone: '+08:00', charset: 'latin1' })
      return { open: () => mysqlStore({ pool, table }), end: () => pool.end() }
    })
  })
})
