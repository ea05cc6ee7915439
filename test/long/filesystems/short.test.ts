// The part of `npm run test:filesystems` that needs only root and loop devices.
import t from 'tap'
import { check, row } from './matrix.js'
import { FILE_SYSTEMS } from './mounts.js'

const NAMES = ['ext4', 'tmpfs', 'overlay']
const skip = process.getuid?.() !== 0 && 'skipped: only root can mount file systems'

t.test('One fetch on each file system that can be mounted here', { skip, timeout: 240_000 }, async (t) => {
  for (const fileSystem of FILE_SYSTEMS.filter(({ name }) => NAMES.includes(name))) {
    const result = await check(fileSystem, { processes: 4, rounds: 1 })
    if (result.skipped !== undefined) t.pass(fileSystem.name, { skip: result.skipped })
    else t.equal(result.verdict, 'right', row(result))
  }
})
