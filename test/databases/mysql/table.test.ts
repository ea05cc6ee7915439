// What happens to processes whose table is emptied or dropped.
import t from 'tap'
import { allHave, createScene, pause } from '../support/workers.js'
import { databaseOf } from './engine.js'
import { withServer } from './server.js'

await withServer(t, async (server) => {
  for (const harm of ['TRUNCATE', 'DROP TABLE']) {
    t.test(`${harm} of a table in use causes one fetch`, async (t) => {
      const { upstream, space, loops } = await createScene(t, databaseOf(server))
      const workers = loops(4)
      await allHave(workers, 'token-1-of-the-upstream')
      const { generation } = (await space.record('TOKEN'))!
      await server.admin(`${harm} ${space.table}`)
      await allHave(workers, 'token-2-of-the-upstream')
      await pause(500)
      t.equal(upstream.count, 2)
      t.ok((await space.record('TOKEN'))!.generation > generation)
      for (const worker of workers) {
        t.notOk(worker.lines.some(({ error }) => error))
        await worker.end()
      }
    })
  }
})
