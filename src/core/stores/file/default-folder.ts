import { dirname, join, resolve, sep } from 'node:path'
import * as io from './fs.js'

/**
 * Finds the folder of the records when the user names none: `DOTDOG_DIR`, else the nearest `.dog`
 * at or above the main script, else `.dog` beside the script's package.json, else `.dog` in the
 * working folder.
 *
 * The working folder comes last because cron, systemd and a shell would have three of them, with
 * three fetches that invalidate each other's values.
 */
export function defaultFolder(): string {
  if (process.env.DOTDOG_DIR) return resolve(process.env.DOTDOG_DIR)
  const script = mainScript()
  if (script !== undefined) {
    let besidePackage: string | undefined
    for (const folder of parentsOf(dirname(script))) {
      const candidate = join(folder, '.dog')
      if (isOwnFolder(candidate)) return candidate
      if (besidePackage === undefined && io.statFollowingLinks(join(folder, 'package.json'))?.isFile())
        besidePackage = candidate
    }
    if (besidePackage !== undefined) return besidePackage
  }
  return resolve('.dog')
}

/**
 * A script inside node_modules (a test runner, a process manager) belongs to the project around
 * node_modules.
 */
function mainScript(): string | undefined {
  const script = process.argv[1]
  if (script === undefined) return undefined
  try {
    const real = io.realPath(script)
    const end = real.indexOf(`${sep}node_modules${sep}`)
    return end < 0 ? real : join(real.slice(0, end), 'main')
  } catch {
    return undefined
  }
}

/** Yields the folder and its parents, up to the home folder if they lie in it. */
function* parentsOf(folder: string): Iterable<string> {
  let home: string | undefined
  for (let current = folder; ; current = dirname(current)) {
    yield current
    // node:os is loaded only if the first folder has no `.dog`: loading it costs a start more than
    // checking a folder.
    home ??= process.getBuiltinModule('node:os').homedir()
    if (current === home || current === dirname(current)) return
  }
}

/**
 * A folder that belongs to another user is skipped: it must not receive this user's secrets, and
 * must not stop this process.
 */
function isOwnFolder(path: string): boolean {
  try {
    const found = io.statFollowingLinks(path)
    return found?.isDirectory() === true && (process.getuid === undefined || found.uid === process.getuid())
  } catch {
    return false
  }
}
