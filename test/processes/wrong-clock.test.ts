import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { pause } from '../support/timing.js'

/** A dead holder counted as alive by a clock before the epoch, and as dead by our judgement: the take spun for ever. */

const script = join(import.meta.dirname, 'fixtures/zero-clock.cjs')

t.test("where the clock says 1970, a dead holder's lock is taken, and the process obeys signals", async (t) => {
  const dir = temporaryFolder(t)
  const { signal } = await start(script, { DIR: dir, WHAT: 'die' }).exited
  t.equal(signal, 'SIGKILL')
  t.equal(readdirSync(join(dir, '.lock/K')).length, 1, 'it left its lock')

  const child = start(script, { DIR: dir, WHAT: 'live' })
  t.teardown(() => child.process.kill('SIGKILL'))
  let out = ''
  child.process.stdout!.on('data', (chunk) => (out += chunk))
  // Its bound is 4 s; a loaded machine is given more.
  for (const deadline = performance.now() + 12_000; !out.endsWith('\n') && performance.now() < deadline; ) await pause(5)
  t.equal(out, '{"value":"v"}\n')
  child.process.kill('SIGTERM')
  const watchdog = setTimeout(() => child.process.kill('SIGKILL'), 5000)
  t.equal((await child.exited).signal, 'SIGTERM')
  clearTimeout(watchdog)
})
