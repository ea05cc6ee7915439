import { basename, dirname, extname, isAbsolute, join, sep } from 'node:path'
import * as io from '../file/fs.js'

/** Finds the program that this process runs: the file that the user has started, and where it is installed. */

/** The program, behind symbolic links. */
export interface Program {
  readonly path: string
  /** The folder of its file. */
  readonly folder: string
}

/** The files by which pm2 starts a program. */
const PM2_CONTAINER = /[\\/]pm2[\\/]lib[\\/]ProcessContainer\w*\.js$/
/** A file of another kind was given to a program, such as a document to an Electron app. */
const SCRIPT_EXTENSION = /^(\.[cm]?[jt]sx?)?$/

/** Members of `process` that Node or Electron has, and the types have not. */
const { _eval, type, defaultApp } = process as { _eval?: string; type?: string; defaultApp?: boolean }

/**
 * The program of this process. `undefined` for code without a file: `node -e`, the REPL, a worker
 * that was given its code.
 */
export function findProgram(): Program | undefined {
  const argument = process.argv[1]
  // Node makes the path of its program absolute. An argument of `node -e` stays as it was given.
  const isPath = argument !== undefined && isAbsolute(argument) && !isArgument()
  // Children of a program under pm2 inherit the variable, and are other programs.
  const script = isPath && PM2_CONTAINER.test(argument) ? process.env.pm_exec_path : isPath ? argument : undefined
  // `node .` and `node app` leave out what they lead to. An ES module has no main module to ask.
  return scriptAt(script) ?? programAt(mainFile()) ?? scriptAt(script && `${script}.js`) ?? folderAt(script)
}

/** Whether the first argument was given to a program instead of to Node. */
function isArgument(): boolean {
  const isEvaluated = _eval !== undefined && mainFile() === undefined
  const isPackagedApp = process.versions.electron !== undefined && type === 'browser' && defaultApp !== true
  return isEvaluated || isPackagedApp
}

const mainFile = (): string | undefined => process.mainModule?.filename ?? undefined

const scriptAt = (path: string | undefined): Program | undefined => {
  const found = programAt(path)
  return found !== undefined && SCRIPT_EXTENSION.test(extname(found.path)) ? found : undefined
}

function programAt(path: string | undefined): Program | undefined {
  const real = path && realPathOf(path)
  return real && isFile(real) ? { path: real, folder: dirname(real) } : undefined
}

function folderAt(path: string | undefined): Program | undefined {
  const real = path && realPathOf(path)
  return real && !isFile(real) ? { path: real, folder: real } : undefined
}

function realPathOf(path: string): string | undefined {
  try {
    return io.realPath(path)
  } catch {
    return undefined
  }
}

export function isFile(path: string): boolean {
  try {
    return io.statFollowingLinks(path)?.isFile() === true
  } catch {
    return false
  }
}

const NODE_MODULES = `${sep}node_modules${sep}`

/** Folders in which a package manager installs programs for a user, or for one run. Each has a package.json. */
const PROGRAM_FOLDER =
  /[\\/](_npx|dlx|pnpm[\\/]global|yarn([\\/]Data)?[\\/]global|install[\\/]global|bunx-[^\\/]+|xfs-[^\\/]+)([\\/]|$)/

/** The folder around the outermost node_modules that a path lies in. */
export function rootOf(path: string): string | undefined {
  const end = path.indexOf(NODE_MODULES)
  return end < 0 ? undefined : path.slice(0, end)
}

/** The name of the package that a path in node_modules belongs to. */
export function packageOf(path: string): string {
  const [scope, name] = path.slice(path.lastIndexOf(NODE_MODULES) + NODE_MODULES.length).split(sep)
  return scope!.startsWith('@') && name !== undefined ? join(scope!, name) : scope!
}

/**
 * Whether the folder around a node_modules is no project: the programs in it were installed globally
 * (`npm install -g`) or for one run (`npx`).
 */
export function isProgramFolder(root: string): boolean {
  if (PROGRAM_FOLDER.test(root)) return true
  const isPrefix =
    process.platform === 'win32' ? basename(root) === 'npm' || root === dirname(process.execPath) : basename(root) === 'lib'
  return isPrefix && !isFile(join(root, 'package.json'))
}
