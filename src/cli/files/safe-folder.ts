import { lstatSync, readlinkSync, realpathSync, type Stats } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { ExitError } from '../lib/exit-error.js'

/**
 * Where a secret may be written: only where nobody else can put a link, a FIFO or another folder in
 * its way. So each folder on the way, from the root on, must be of this user or root, and writable
 * for nobody else. In a sticky folder such as /tmp others cannot replace what is ours.
 */

const WRITABLE_BY_OTHERS = 0o022
const STICKY = 0o1000

/**
 * The path in its real folder, after checking the folder and what stands there now.
 *
 * @throws ExitError (code 2) that says what is wrong, and what mends it.
 */
export function checkOutput(path: string): string {
  try {
    const folder = realpathSync(dirname(resolve(path)))
    checkWay(dirname(resolve(path)))
    checkWay(folder)
    const real = join(folder, basename(path))
    const found = lstatSync(real, { throwIfNoEntry: false })
    if (found?.isSymbolicLink()) throw refusal(path, 'is a symbolic link, which may lead anywhere: name the file itself')
    if (found !== undefined && !found.isFile()) throw refusal(path, 'is there already, and is not a file')
    return real
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw refusal(dirname(path), 'does not exist: make the folder first')
    throw typeof code === 'string' ? refusal(path, `cannot be written (${code})`) : error
  }
}

/** Checks each folder from the root to this one, and those that links on the way lead through. */
function checkWay(folder: string): void {
  const ways: string[] = []
  for (let way = folder; ways[0] !== way; way = dirname(way)) ways.unshift(way)
  for (const way of ways) {
    const found = lstatSync(way)
    checkOwner(way, found)
    if (found.isSymbolicLink()) checkWay(resolve(dirname(way), readlinkSync(way)))
    else checkMode(way, found, way !== folder)
  }
}

function checkOwner(path: string, { uid }: Stats): void {
  if (process.getuid === undefined || uid === 0 || uid === process.getuid()) return
  throw refusal(path, `belongs to another user (uid ${uid}, we are ${process.getuid()}), who could replace the file`)
}

function checkMode(path: string, { mode }: Stats, isParent: boolean): void {
  if (process.getuid === undefined || (mode & WRITABLE_BY_OTHERS) === 0 || (isParent && mode & STICKY)) return
  const bits = (mode & 0o7777).toString(8)
  throw refusal(path, `can be written by others (mode ${bits}), who could replace the file: chmod go-w '${path}'`)
}

const refusal = (path: string, why: string): ExitError => new ExitError(2, `${path} ${why}`)
