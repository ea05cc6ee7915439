import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../../support/children.js'
import { temporaryFolder } from '../../support/temporary-folder.js'
import { pause } from '../../support/timing.js'

/**
 * By a clock before the epoch a dead holder once counted as alive in one place and as dead in
 * another, and the acquire never ended.
 */

const script = join(import.meta.dirname, 'fixtures/zero-clock.cjs')

t.test('Where the clock says 1970, the lock of a dead holder is taken, and the process obeys signals', async (t) => {
  const dir = temporaryFolder(t)
  const { signal } = await start(script, { DIR: dir, ROLE: 'die' }).exited
  t.equal(signal, 'SIGKILL')
  t.equal(readdirSync(join(dir, '.lock/K')).length, 1, 'the killed process left its lock')

  const child = start(script, { DIR: dir, ROLE: 'live' })
  t.teardown(() => child.process.kill('SIGKILL'))
  let out = ''
  child.process.stdout!.on('data', (chunk) => (out += chunk))
  // The get ends within 4 s. A loaded machine gets more time.
  for (const deadline = performance.now() + 12_000; !out.endsWith('\n') && performance.now() < deadline; ) await pause(5)
  t.equal(out, '{"value":"v"}\n')
  child.process.kill('SIGTERM')
  const watchdog = setTimeout(() => child.process.kill('SIGKILL'), 5000)
  t.equal((await child.exited).signal, 'SIGTERM')
  clearTimeout(watchdog)
})
