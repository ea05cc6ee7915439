import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { processScope, processStartTime } from '../../src/core/stores/file/liveness.js'
import { start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog } from '../support/test-dog.js'
import { until } from '../support/timing.js'

/** A fetch once listed the ledgers of all other keys: with 40,000 of them it blocked its process for half a second. */

const script = join(import.meta.dirname, 'fixtures/counts-listed-names.cjs')
const KEYS = 1500

/** A folder with the records, the ledgers and the held locks of this many keys, and as many removed ones. */
function crowdedFolder(dir: string, keys: number, dueTimes = keys): void {
  const [state, lock] = ['.state', '.lock'].map((name) => join(dir, name)) as [string, string]
  const due = join(state, 'removed/1000')
  for (const folder of [state, lock, due]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (let at = 0; at < keys; at++) {
    writeFileSync(join(dir, `USER_${at}.dog`), '{}', { mode: 0o600 })
    writeFileSync(join(state, `USER_${at}.json`), '{}', { mode: 0o600 })
    writeFileSync(join(due, `GONE_${at}`), `GONE_${at}`, { mode: 0o600 })
    if (at < dueTimes) mkdirSync(join(state, 'removed', String(2000 + at)), { mode: 0o700 })
    mkdirSync(join(lock, `USER_${at}`))
    const owner = `1.${processScope()}.${process.pid}.${processStartTime()}.1.2000000000.${String(at).padStart(16, '0')}`
    writeFileSync(join(lock, `USER_${at}`, owner), '')
  }
}

for (const [mode, dueTimes, maxListed] of [
  // 256 locks and the holders of 32 of them, 101 times at which removed keys are due, and 8 of these keys.
  [0o700, 100, 500],
  // 256 of these times, and twice 256 records more, because it may be a project's own folder.
  [0o755, KEYS, 1200],
] as const) {
  t.test(`A fetch lists few names, however many other keys the folder has (mode ${mode.toString(8)})`, async (t) => {
    const dir = temporaryFolder(t)
    crowdedFolder(dir, KEYS, dueTimes)
    chmodSync(dir, mode)
    const { out, err } = await start(script, { DIR: dir }).exited
    const { value, listed } = JSON.parse(out || err) as { value: string; listed: number }
    t.equal(value, 'v')
    t.ok(listed < maxListed, `${listed} names`)
  })
}

t.test('Locks of dead holders are swept in time, although a sweep judges only some of the locks', async (t) => {
  const dir = temporaryFolder(t)
  crowdedFolder(dir, 100)
  const dead = join(dir, '.lock/DEAD')
  mkdirSync(dead)
  writeFileSync(join(dead, `1.${processScope()}.${2 ** 31 - 2}.1.1.1000.0123456789abcdef`), '')
  const dog = createDog({ dir })
  dog.init('K', async () => ({ value: 'v', expiresIn: 3600 }))
  await until(async () => {
    await dog.refresh('K', { force: true })
    return !existsSync(dead)
  })
  t.equal(readdirSync(join(dir, '.lock')).length, 100, 'no lock of a living holder was swept')
  await dog.close()
})
