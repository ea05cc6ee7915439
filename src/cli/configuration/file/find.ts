import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { ExitError } from '../../lib/exit-error.js'

/** Finds the configuration, as git finds its repository. */

export const CONFIGURATION_NAMES = ['json', 'jsonc', 'js', 'cjs', 'mjs'].map((extension) => `dotdog.config.${extension}`)

/** The folder and its parents, up to the home folder or the root of a repository. */
export function* searchedFolders(from: string): Iterable<string> {
  const home = homedir()
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    yield folder
    if (folder === home || folder === dirname(folder) || existsSync(join(folder, '.git'))) return
  }
}

/**
 * The path of the configuration: the argument, `DOTDOG_CONFIG`, or the nearest one at or above the
 * working folder. `undefined` where there is none.
 *
 * @throws ExitError (code 2) for a folder that has two.
 */
export function findConfiguration(
  argument: string | undefined,
  env: NodeJS.ProcessEnv,
  workingFolder: string,
): string | undefined {
  const named = argument ?? (env.DOTDOG_CONFIG || undefined)
  if (named !== undefined) return resolve(workingFolder, named)
  for (const folder of searchedFolders(workingFolder)) {
    const found = CONFIGURATION_NAMES.filter((name) => existsSync(join(folder, name)))
    if (found.length > 1) {
      throw new ExitError(2, `${folder} has ${found.join(' and ')}: keep one, or name one with --config`)
    }
    if (found[0] !== undefined) return join(folder, found[0])
  }
  return undefined
}
