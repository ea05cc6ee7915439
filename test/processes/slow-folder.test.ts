import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'

/**
 * An attempt that is given up before its fetch, as the folder is too slow, once counted against the
 * quota.
 */

t.test('A folder too slow for the time-out gives ERR_DOG_STORE, and nothing is counted against the quota', async (t) => {
  const dir = temporaryFolder(t)
  const child = start(join(import.meta.dirname, 'fixtures/slow.cjs'), { DIR: dir })
  t.teardown(() => child.process.kill('SIGKILL'))
  const { out, err } = await child.exited
  const answer = JSON.parse(out || err)
  t.match(answer, { code: 'ERR_DOG_STORE', path: join(dir, 'K.dog'), fetches: 0 })
  t.match(answer.message, /half of the time-out/)
  t.match(JSON.parse(readFileSync(join(dir, '.state/K.json'), 'utf8')), { fetches: { count: 0 } })
  t.same(
    readdirSync(join(dir, '.lock'), { recursive: true }).filter((name) => String(name).includes('/')),
    [],
    'no lock is left',
  )
})
