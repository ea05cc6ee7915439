// A watcher of the system ends with its folder, or by an error, which no code of the user could
// catch.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog } from '../support/test-dog.js'
import { pause } from '../support/timing.js'

t.test('Change events continue in a folder that was removed and created again', async (t) => {
  const dir = join(temporaryFolder(t), 'shared')
  const [writer, listener] = [createDog({ dir }), createDog({ dir })]
  t.teardown(() => Promise.all([writer.close(), listener.close()]))
  let events = 0
  await writer.set('K', 'v', { expiresIn: 60 })
  listener.on('change', () => events++)
  const isNotified = async () => {
    for (let round = 0; round < 40; round++) {
      events = 0
      await writer.set('K', `${round}`, { expiresIn: 60 })
      await pause(150)
      if (events > 0) return true
    }
    return false
  }
  t.ok(await isNotified())
  for (let times = 0; times < 2; times++) {
    rmSync(dir, { recursive: true })
    await pause(100)
    t.ok(await isNotified(), 'also in the new folder')
  }
})

t.test('An error of the system watcher becomes a warning, and does not end the process', async (t) => {
  const { answered, exited } = start(join(import.meta.dirname, 'fixtures/watcher-error.cjs'), { DIR: temporaryFolder(t) })
  const { warnings, watchers } = (await answered) as unknown as { warnings: string[]; watchers: number }
  t.ok(watchers > 0)
  t.equal(warnings.length, 1)
  t.match(warnings[0], /cannot be watched/)
  t.match(await exited, { code: 0, err: '' })
})
