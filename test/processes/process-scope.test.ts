import { join } from 'node:path'
import t from 'tap'
import { start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'

/** One failure to read who we are, for want of descriptors, made a process a stranger to its neighbours for good. */

const script = join(import.meta.dirname, 'fixtures/place.cjs')
const files = ['/proc/sys/kernel/random/boot_id', '/proc/self', '/proc/self/ns/pid', '/proc/self/ns/time']

t.test(
  'a passing fault does not change who we are',
  { skip: process.platform !== 'linux' && 'there is no /proc' },
  async (t) => {
    const dir = temporaryFolder(t)
    const run = async (env: Record<string, string>) => {
      const child = start(script, { DIR: dir, ...env })
      t.teardown(() => child.process.kill('SIGKILL'))
      const { out, err } = await child.exited
      return JSON.parse(out || err) as { first: string; second: string; place: string }
    }
    const { place } = await run({})
    t.match(place, /^[0-9a-f]{16}$/)
    for (const file of files) {
      const faulty = await run({ CODE: 'EMFILE', FILE: file })
      t.match(faulty.first, /^(v|ERR_DOG_STORE)$/, file)
      t.same({ place: faulty.place, second: faulty.second }, { place, second: 'v' }, file)
    }
  },
)
