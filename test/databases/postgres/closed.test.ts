// Connections that are of no use: after a close, and to a server that takes no writes any more.
import { createRequire } from 'node:module'
import pg from 'pg'
import t from 'tap'
import { closeInUse } from '../../support/close-in-use.js'
import { withServer } from './server.js'
import '../../support/built.js'

const require = createRequire(import.meta.url)
const { postgresStore }: typeof import('../../../src/postgres/index.js') = require('../../../dist/postgres/index.js')

await withServer(t, async ({ url, admin, table }) => {
  t.test('a store that was closed makes no connection again, whatever was under way', async (t) => {
    const name = table()
    const named = new URL(url)
    named.searchParams.set('application_name', `closed-${name}`)
    const connectionString = named.href
    const [holder, waiter] = [
      postgresStore({ connectionString: url, table: name }),
      postgresStore({ connectionString, table: name }),
    ]
    t.teardown(() => holder.close())
    const own = async () =>
      (await admin('SELECT pid FROM pg_stat_activity WHERE application_name = $1', [`closed-${name}`])).length
    await closeInUse(t, holder, waiter, async () => void t.ok((await own()) > 0, 'it is seen while it is open'))
    t.equal(await own(), 0)
  })

  t.test('a connection that takes no writes any more is replaced by one that does', async (t) => {
    const pool = new pg.Pool({ connectionString: url, max: 2 })
    t.teardown(() => pool.end())
    let connections = 0
    // As of a master that became a replica; what answers at its address by now is the new one.
    pool.on('connect', (client) => {
      if (++connections <= 2) client.query('SET default_transaction_read_only = on').catch(() => {})
    })
    const store = postgresStore({ pool, table: table() })
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
})
