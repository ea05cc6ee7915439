// What a Postgres that cuts its connections or loses its table does to processes that use it.
import { createRequire } from 'node:module'
import t from 'tap'
import { startHangman } from './connection-killer.js'
import { withServer } from './server.js'
import { last, pause, scene, until, values } from './setup.js'

const require = createRequire(import.meta.url)
const { postgresStore }: typeof import('../../../src/postgres/index.js') = require('../../../dist/postgres/index.js')

await withServer(t, async (server) => {
  t.test('all connections cut in mid-fetch, again and again: one value, no second fetch', async (t) => {
    const { upstream, get, table } = await scene(t, server, { delay: 6000 })
    const holder = get()
    await upstream.asked()
    const waiters = Array.from({ length: 5 }, () => get())
    const cut = () =>
      server.admin(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dotdog' AND query LIKE $1`,
        [`%${table}%`],
      )
    let cuts = 0
    const end = Date.now() + 5500
    while (Date.now() < end) {
      cuts += (await cut()).length
      await pause(300)
    }
    t.ok(cuts > 0, `${cuts} connections`)
    const answers = await Promise.all([holder, ...waiters].map((child) => child.answered))
    t.strictSame(values(answers), ['token-1-of-the-upstream'])
    t.equal(upstream.count, 1)
    for (const child of [holder, ...waiters]) t.match(await child.exited, { code: 0, err: '' })
  })

  for (const harm of ['TRUNCATE', 'DROP TABLE']) {
    t.test(`${harm} while the table is in use costs one fetch`, async (t) => {
      const { upstream, loop, table, record } = await scene(t, server)
      const loops = Array.from({ length: 4 }, () => loop())
      await until(() => loops.every(({ lines }) => last(lines)?.value === 'token-1-of-the-upstream'))
      const { generation } = await record()
      await server.admin(`${harm} ${table}`)
      await until(() => loops.every(({ lines }) => last(lines)?.value === 'token-2-of-the-upstream'))
      await pause(500)
      t.equal(upstream.count, 2)
      t.ok((await record()).generation > generation)
      for (const { lines, process, exited } of loops) {
        t.strictSame(
          lines.filter(({ error }) => error !== undefined),
          [],
        )
        process.kill('SIGTERM')
        t.match(await exited, { code: 0, err: '' })
      }
    })
  }

  for (const how of ['connectionString', 'pool']) {
    t.test(`connections that end in the same packet as an answer end no process (${how})`, async (t) => {
      const { upstream, loop } = await scene(t, server)
      let answers = 0
      const url = new URL(server.url)
      // Also the first, by which a connection begins.
      url.port = String(await startHangman(t, Number(url.port || 5432), () => answers++ % 3 === 0))
      const env: Record<string, string> =
        how === 'pool' ? { POOL: url.href } : { STORE: JSON.stringify({ connectionString: url.href }) }
      const loops = Array.from({ length: 3 }, () => loop(env))
      await until(() => loops.every(({ lines, process }) => process.exitCode !== null || last(lines)?.value !== undefined))
      await pause(2000)
      t.ok(answers > 30, `${answers} answers`)
      t.equal(upstream.count, 1)
      for (const { lines, process, exited } of loops) {
        t.equal(last(lines)?.value, 'token-1-of-the-upstream')
        process.kill('SIGTERM')
        t.match(await exited, { code: 0, err: '' })
      }
    })
  }

  t.test('a server that ends sessions which are idle for a moment costs nothing', async (t) => {
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
      // Around the moment at which it ends.
      await pause(18 + (i % 5))
    }
    t.equal(failures, 0)
  })
})
