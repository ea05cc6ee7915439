import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { ExitError } from '../../lib/exit-error.js'

/**
 * A configuration is code: it names commands that are run. So it is used only where nobody but this
 * user and root can have written it.
 */

const MAX_CONFIGURATION_BYTES = 1_048_576
const WRITABLE_BY_OTHERS = 0o022

/** @throws ExitError (code 2), with what mends it. */
function checkTrust(path: string, { uid, mode }: Stats, reason: string): void {
  if (process.getuid === undefined) return
  const ownUid = process.getuid()
  if (uid !== ownUid && uid !== 0) {
    throw new ExitError(2, `${path} belongs to another user (uid ${uid}, we are ${ownUid}), and ${reason}`)
  }
  if (mode & WRITABLE_BY_OTHERS) {
    const bits = (mode & 0o7777).toString(8)
    throw new ExitError(2, `${path} can be written by others (mode ${bits}), and ${reason}: chmod go-w '${path}'`)
  }
}

/**
 * Reads a configuration that can be trusted: the file that was checked, also where another takes
 * its place meanwhile. Other files that decide what the program does are read the same way.
 *
 * @param reason why nobody else may have written it
 * @throws ExitError (code 2)
 */
export function readTrusted(path: string, reason = 'a configuration is code'): string {
  let file: number | undefined
  try {
    const real = realpathSync(path)
    // Without O_NONBLOCK a FIFO would be waited for.
    file = openSync(real, constants.O_RDONLY | constants.O_NONBLOCK)
    const found = fstatSync(file)
    if (!found.isFile()) throw new ExitError(2, `${path} is not a file`)
    if (found.size > MAX_CONFIGURATION_BYTES) throw new ExitError(2, `${path} has more than 1 MiB`)
    checkTrust(path, found, reason)
    for (const folder of new Set([dirname(path), dirname(real)])) checkTrust(folder, statSync(folder), reason)
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof ExitError) throw error
    throw new ExitError(2, `${path} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
