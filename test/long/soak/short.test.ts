// The soak's short form: that it runs, and holds. `node test/long/soak/run.mjs` is the long one.
import { join } from 'node:path'
import t from 'tap'
import { start } from '../../support/children.js'

t.test(
  'fifteen seconds of eight processes on tokens of 2 s: no call is rejected twice, memory and handles are flat',
  async (t) => {
    const child = start(join(import.meta.dirname, 'run.mjs'), {}, ['15'])
    t.teardown(() => void (child.process.exitCode ?? child.process.kill('SIGTERM')))
    const { code, out, err } = await child.exited
    t.comment(out)
    t.strictSame([code, err], [0, ''], out)
    t.match(out, /all holds/)
  },
)
