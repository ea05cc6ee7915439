import { join } from 'node:path'
import t from 'tap'
import { start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'

/**
 * A process reads some files to find its process scope. One failed read, for want of descriptors,
 * once gave it another scope than its neighbours for good.
 */

const script = join(import.meta.dirname, 'fixtures/process-scope.cjs')
const files = ['/proc/sys/kernel/random/boot_id', '/proc/self', '/proc/self/ns/pid', '/proc/self/ns/time']

t.test(
  'A passing fault while a process identifies itself does not change its process scope',
  { skip: process.platform !== 'linux' && 'there is no /proc' },
  async (t) => {
    const dir = temporaryFolder(t)
    const run = async (env: Record<string, string>) => {
      const child = start(script, { DIR: dir, ...env })
      t.teardown(() => child.process.kill('SIGKILL'))
      const { out, err } = await child.exited
      return JSON.parse(out || err) as { first: string; second: string; processScope: string }
    }
    const { processScope } = await run({})
    t.match(processScope, /^[0-9a-f]{16}$/)
    for (const file of files) {
      const faulty = await run({ CODE: 'EMFILE', FILE: file })
      t.match(faulty.first, /^(v|ERR_DOG_STORE)$/, file)
      t.same({ processScope: faulty.processScope, second: faulty.second }, { processScope, second: 'v' }, file)
    }
  },
)
