import { join } from 'node:path'
import t from 'tap'
import { start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'

/** Frameworks fake process.nextTick with the timers: a callback waited for it for ever. */

for (const fake of ['process.nextTick', 'timers']) {
  for (const store of ['memory', 'file']) {
    const what = fake === 'timers' ? 'all timers and clocks are' : `${fake} is`
    t.test(`values come from the ${store} store while ${what} faked`, async (t) => {
      const env = { DIR: temporaryFolder(t), FAKE: fake, STORE: store }
      const child = start(join(import.meta.dirname, 'fixtures/faked.cjs'), env)
      t.teardown(() => child.process.kill('SIGKILL'))
      const { out, err } = await child.exited
      t.same(JSON.parse(out || err), { first: 'v', second: 'v', third: 'v' })
    })
  }
}
