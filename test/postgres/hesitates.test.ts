// What a Postgres that makes the commit wait does to processes that use it.
import pg from 'pg'
import t from 'tap'
import { withServer } from './server.js'
import { last, pause, scene, until } from './setup.js'

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
})
