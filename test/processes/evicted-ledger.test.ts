import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start, untilStopped } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog } from '../support/test-dog.js'
import { until } from '../support/timing.js'

/**
 * A holder that was stopped while it wrote the ledger, and lost its lease, once replaced the ledger
 * of its successor, or failed because of it.
 */

t.test('An evicted holder that resumes its ledger write neither fails nor replaces the ledger of its successor', async (t) => {
  const dir = temporaryFolder(t)
  const evicted = start(join(import.meta.dirname, 'fixtures/noting.cjs'), { DIR: dir })
  t.teardown(() => evicted.process.kill('SIGKILL'))
  await untilStopped(evicted.pid)

  const successor = createDog({ dir, timeout: 1 })
  t.teardown(() => successor.close())
  successor.init('K', async () => ({ value: 'of the successor', expiresIn: 3600 }), { quota: { limit: 3 } })
  t.equal(await successor.get('K'), 'of the successor')
  const ledger = () => readFileSync(join(dir, '.state/K.json'), 'utf8')
  const before = ledger()
  t.match(JSON.parse(before), { fetches: { count: 1 } })

  evicted.process.kill('SIGCONT')
  const { out, err, code } = await evicted.exited
  t.equal(code, 0)
  t.same(JSON.parse(out || err), { value: 'of the successor', fetches: 0 })
  t.equal(ledger(), before)
  await until(() => readdirSync(join(dir, '.state')).length === 1)
})
