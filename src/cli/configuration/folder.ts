import { statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { resolveFolder } from '../../core/shared/home-folder.js'
import { ExitError } from '../lib/exit-error.js'
import type { Configuration } from './file/configuration.js'

/** Which folder holds the values. The same rule for every command, so that they meet in one folder. */

/** Why a folder is the one: what named it, or where it was found. */
export type FolderReason = 'argument' | 'configuration' | 'beside' | 'environment' | 'nearest' | 'account'

export interface ChosenFolder {
  dir: string
  reason: FolderReason
}

/** The folder of {@link chooseFolder}. */
export const folderOf = (...given: Parameters<typeof chooseFolder>): string => chooseFolder(...given).dir

/**
 * `--dir`; the configuration's `dir`, or `.dog` beside it; `DOTDOG_DIR`; the nearest `.dog` at or
 * above the working folder; and, for the WeChat account of the environment, one in the user's state
 * folder.
 *
 * @throws ExitError (code 2) that says where it looked.
 */
export function chooseFolder(
  argument: string | undefined,
  { path, folder, data }: Configuration,
  env: NodeJS.ProcessEnv,
  workingFolder: string,
): ChosenFolder {
  if (argument !== undefined) return { dir: resolve(workingFolder, argument), reason: 'argument' }
  if (path !== undefined) {
    return {
      dir: resolveFolder('dir', data.dir ?? '.dog', folder),
      reason: data.dir === undefined ? 'beside' : 'configuration',
    }
  }
  if (env.DOTDOG_DIR) return { dir: resolveFolder('DOTDOG_DIR', env.DOTDOG_DIR, workingFolder), reason: 'environment' }
  const nearest = nearestDogFolder(workingFolder)
  if (nearest !== undefined) return { dir: nearest, reason: 'nearest' }
  if (env.WX_APPID && env.WX_APPSECRET) {
    if (!/^[\w-]{1,64}$/.test(env.WX_APPID))
      throw new ExitError(2, 'WX_APPID must be the id of an account: wx and 16 hex digits')
    return { dir: join(stateHome(env), 'dotdog', env.WX_APPID), reason: 'account' }
  }
  throw new ExitError(
    2,
    `There is no configuration and no .dog folder at or above ${workingFolder}, and neither DOTDOG_CONFIG nor DOTDOG_DIR is set`,
    'Write dotdog.config.json, name a folder with --dir, or set WX_APPID and WX_APPSECRET.',
  )
}

/** A folder of another user is passed by: it must not get this user's secrets. */
export function nearestDogFolder(workingFolder: string): string | undefined {
  for (let folder = workingFolder; ; folder = dirname(folder)) {
    const candidate = join(folder, '.dog')
    const found = statSync(candidate, { throwIfNoEntry: false })
    if (found?.isDirectory() && (process.getuid === undefined || found.uid === process.getuid())) return candidate
    if (folder === dirname(folder)) return undefined
  }
}

/** The user's folder for the states of programs. */
export const stateHome = (env: NodeJS.ProcessEnv): string => {
  // The specification of XDG wants a relative path to be ignored.
  const given = env.XDG_STATE_HOME
  return given?.startsWith('/') ? given : join(homedir(), '.local', 'state')
}
