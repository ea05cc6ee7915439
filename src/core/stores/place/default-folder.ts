import { dirname, isAbsolute, join, sep } from 'node:path'
import { storeError } from '../../model/errors.js'
import { homeFolder, resolveFolder } from '../../shared/home-folder.js'
import * as io from '../file/fs.js'
import { findProgram, isFile, isProgramFolder, type Program, packageOf, rootOf } from './program.js'

/** The folder of the records that was chosen for a user who names none. */
export interface Place {
  readonly dir: string
  /** What the user should know of the choice. */
  readonly warning?: string
}

/**
 * Finds the folder of the records when the user names none: `DOTDOG_DIR`, else the folder for the
 * state of a globally installed program, else the nearest `.dog` at or above the program, else
 * `.dog` beside the program's package.json, else `.dog` in the working folder.
 *
 * The working folder comes last because cron, systemd and a shell would have three of them, with
 * three fetches that invalidate each other's values. Code without a file has nothing else.
 */
export function defaultPlace(): Place {
  if (process.env.DOTDOG_DIR) return placeAt(resolveFolder('DOTDOG_DIR', process.env.DOTDOG_DIR))
  const program = findProgram()
  const root = program && rootOf(program.path)
  let folder = program?.folder ?? workingFolder()
  if (program !== undefined && root !== undefined) {
    folder = root
    if (isProgramFolder(root)) {
      // A globally installed test runner runs a project's code, and the project has a dotdog of its own.
      const project = ownProject()
      const state = project === undefined ? stateFolder(packageOf(program.path)) : undefined
      if (state !== undefined) return placeAt(state)
      folder = project ?? workingFolder()
    }
  }
  const found = folder && searchFrom(folder)
  if (found !== undefined) return placeAt(found, program)
  const working = workingFolder()
  if (working !== undefined) return placeAt(join(working, '.dog'))
  throw storeError('.dog', 'the working folder was removed: give an absolute dir, or set DOTDOG_DIR')
}

/** The working folder. `undefined` if it was removed. */
export function workingFolder(): string | undefined {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}

/** The project in whose node_modules this copy of the package is. */
function ownProject(): string | undefined {
  const root = typeof __dirname === 'string' ? rootOf(`${__dirname}${sep}`) : undefined
  return root === undefined || isProgramFolder(root) ? undefined : root
}

/**
 * The user's folder for the state of a program. The place of a globally installed package is not
 * writable for most, and the working folder is another one at each call.
 */
function stateFolder(packageName: string): string | undefined {
  const { XDG_STATE_HOME, LOCALAPPDATA } = process.env
  const home = homeFolder()
  const defaults: Partial<Record<NodeJS.Platform, string>> =
    home === undefined
      ? {}
      : {
          win32: LOCALAPPDATA ?? join(home, 'AppData', 'Local'),
          darwin: join(home, 'Library', 'Application Support'),
          linux: join(home, '.local', 'state'),
        }
  const isGiven = XDG_STATE_HOME !== undefined && isAbsolute(XDG_STATE_HOME)
  const base = isGiven ? XDG_STATE_HOME : (defaults[process.platform] ?? defaults.linux)
  return base && join(base, 'dotdog', packageName)
}

/** The nearest `.dog` at or above a folder, else `.dog` beside the nearest package.json. */
function searchFrom(folder: string): string | undefined {
  let besidePackage: string | undefined
  for (const current of parentsOf(folder)) {
    const candidate = join(current, '.dog')
    if (isOwnFolder(candidate)) return candidate
    if (besidePackage === undefined && isFile(join(current, 'package.json'))) besidePackage = candidate
  }
  return besidePackage
}

/** Yields the folder and its parents, up to the home folder if they lie in it. */
function* parentsOf(folder: string): Iterable<string> {
  let home: string | undefined
  for (let current = folder; ; current = dirname(current)) {
    yield current
    if (current === dirname(current)) return
    home ??= homeFolder() ?? ''
    if (current === home) return
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

const CACHE = /[\\/](_npx|_cacache|\.cache|caches)[\\/]/i

function placeAt(dir: string, program?: Program): Place {
  const remedy = 'set DOTDOG_DIR, or give a dir'
  if (CACHE.test(dir)) return { dir, warning: `${dir} lies in a cache, which is emptied at times: ${remedy}` }
  const project = program && foreignProject(dirname(dir))
  if (project === undefined) return { dir }
  return { dir, warning: `${dir} belongs to the program ${program!.path}, and is outside ${project}: ${remedy}` }
}

/** The project of the working folder, if a folder is neither in it nor at or above the working folder. */
function foreignProject(folder: string): string | undefined {
  const working = workingFolder()
  if (working === undefined || isInside(working, folder)) return undefined
  for (const current of parentsOf(working)) {
    if (!isFile(join(current, 'package.json'))) continue
    // A package.json in the home folder is there by mistake.
    return isInside(folder, current) || current === homeFolder() ? undefined : current
  }
  return undefined
}

const isInside = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
