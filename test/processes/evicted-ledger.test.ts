import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start, untilStopped } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog } from '../support/test-dog.js'
import { until } from '../support/timing.js'

/** A holder that was stopped in mid-note and robbed put its ledger over its successor's, or failed with the note. */

t.test("a note of a robbed holder neither fails nor replaces the successor's ledger", async (t) => {
  const dir = temporaryFolder(t)
  const robbed = start(join(import.meta.dirname, 'fixtures/noting.cjs'), { DIR: dir })
  t.teardown(() => robbed.process.kill('SIGKILL'))
  await untilStopped(robbed.pid)

  const successor = createDog({ dir, timeout: 1 })
  t.teardown(() => successor.close())
  successor.init('K', async () => ({ value: 'of the successor', expiresIn: 3600 }), { quota: { limit: 3 } })
  t.equal(await successor.get('K'), 'of the successor')
  const ledger = () => readFileSync(join(dir, '.state/K.json'), 'utf8')
  const before = ledger()
  t.match(JSON.parse(before), { fetches: { count: 1 } })

  robbed.process.kill('SIGCONT')
  const { out, err, code } = await robbed.exited
  t.equal(code, 0)
  t.same(JSON.parse(out || err), { value: 'of the successor', fetches: 0 })
  t.equal(ledger(), before)
  await until(() => readdirSync(join(dir, '.state')).length === 1)
})
