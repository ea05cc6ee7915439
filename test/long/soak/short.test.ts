/** A short soak. `npm run test:soak` is the long one. */
import { join } from 'node:path'
import t from 'tap'
import { start } from '../../support/children.js'

t.test(
  'In 15 s of eight processes with tokens of 2 s, no call is rejected twice, and memory and handles do not grow',
  async (t) => {
    const child = start(join(import.meta.dirname, 'run.mjs'), {}, ['15'])
    t.teardown(() => void (child.process.exitCode ?? child.process.kill('SIGTERM')))
    const { code, out, err } = await child.exited
    t.comment(out)
    t.strictSame([code, err], [0, ''], out)
    t.match(out, /every check passed/)
  },
)
