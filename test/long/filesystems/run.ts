// One fetch on every file system that this machine can mount, as a table in Markdown. Arguments: the names
// of those to run (default: all). PROCESSES (default 8) ask at once, in ROUNDS (default 3) rounds. It
// installs nothing and removes what it mounts. Exit code 1: a cell has another number than 1.
import { check, HEAD, row } from './matrix.js'
import { FILE_SYSTEMS, NOT_MOUNTED_HERE } from './mounts.js'

const plan = { processes: Number(process.env.PROCESSES ?? 8), rounds: Number(process.env.ROUNDS ?? 3) }
const wanted = process.argv.slice(2)

if (process.getuid?.() !== 0) {
  console.error('Only root can mount file systems: nothing was run.')
  process.exitCode = 1
} else {
  console.log(HEAD)
  for (const fileSystem of FILE_SYSTEMS) {
    if (wanted.length > 0 && !wanted.some((name) => fileSystem.name.startsWith(name))) continue
    const result = await check(fileSystem, plan)
    console.log(row(result, fileSystem.limit))
    if (result.verdict === 'wrong') process.exitCode = 1
  }
  if (wanted.length === 0) console.log(`Not run, for want of a server: ${NOT_MOUNTED_HERE.join(', ')}.`)
}
