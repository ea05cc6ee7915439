import { isAbsolute, join, resolve } from 'node:path'

/** Paths that users write with a `~`, and the folder that it stands for. */

/** The home folder of the user. `undefined` for a user that has none, such as the uid of a container. */
export function homeFolder(): string | undefined {
  try {
    // node:os is loaded only where it is needed: loading it costs a start more than checking a folder.
    const home = process.getBuiltinModule('node:os').homedir()
    return isAbsolute(home) ? home : undefined
  } catch {
    // Without HOME the system is asked for the passwd entry of the user.
    return undefined
  }
}

/** `~bob/…`, `$HOME/…`, `%APPDATA%\…`: a shell expands these, and no shell was asked. */
const SHELL_EXPANSION = /^(~[A-Za-z_][\w-]*|\$\{?\w+\}?|%\w+%)([\\/]|$)/

/**
 * The absolute path of a folder that a user has named. A leading `~/` is the home folder.
 *
 * @param name what the user has named it by, for the message: `DOTDOG_DIR`
 * @param base the folder that a relative path starts from; default: the working folder
 * @throws TypeError for a path that only a shell understands.
 */
export function resolveFolder(name: string, path: string, base?: string): string {
  if (SHELL_EXPANSION.test(path)) throw new TypeError(`${name} must be a path, which no shell expands here; got ${path}`)
  if (!/^~([\\/]|$)/.test(path)) return base === undefined ? resolve(path) : resolve(base, path)
  const home = homeFolder()
  if (home === undefined) throw new TypeError(`${name} begins with ~, and this user has no home folder`)
  return join(home, path.slice(1))
}
