import { join } from 'node:path'
import t from 'tap'
import { start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'

/**
 * Test frameworks fake process.nextTick together with the timers. A callback once waited for a
 * faked tick for ever.
 */

for (const fake of ['process.nextTick', 'timers']) {
  for (const store of ['memory', 'file']) {
    const what = fake === 'timers' ? 'all timers and clocks are' : `${fake} is`
    t.test(`Values come from the ${store} store while ${what} faked`, async (t) => {
      const env = { DIR: temporaryFolder(t), FAKE: fake, STORE: store }
      const child = start(join(import.meta.dirname, 'fixtures/faked.cjs'), env)
      t.teardown(() => child.process.kill('SIGKILL'))
      const { out, err } = await child.exited
      t.same(JSON.parse(out || err), { first: 'v', second: 'v', third: 'v' })
    })
  }
}
