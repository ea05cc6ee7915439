import { join } from 'node:path'
import type { Dog } from 'dotdog'
import { registerKeys } from '../keys/index.js'
import { withAutoRefresh } from '../lib/account-keys.js'
import { ExitError } from '../lib/exit-error.js'
import { loadConfiguration } from './file/load.js'
import type { Config } from './serve-config.js'
import { openDog } from './session.js'

/**
 * The dog of a server, with the keys of the configuration's `keys`, which are refreshed although
 * nobody asks. Without a store or an encryption key it is the default dog, which a module may use.
 *
 * @throws ExitError (code 2) for a member that breaks its rule.
 */
export async function openServedDog({ dir, others, folder }: Config, path: string | undefined): Promise<Dog> {
  // Set before the folder of the default dog is resolved. Beside the configuration, it is the same
  // one wherever the program is installed.
  if (dir !== undefined) process.env.DOTDOG_DIR = dir
  else if (path !== undefined) process.env.DOTDOG_DIR ||= join(folder, '.dog')
  const dotdog = await import('dotdog')
  if (path === undefined || Object.keys(others).length === 0) return dotdog
  const data = await loadConfiguration(path)
  const hasStorage = data.store !== undefined || data.encryptionKey !== undefined
  const dog = hasStorage ? (await openDog({ path, folder, data }, undefined, process.env)).dog : dotdog
  const { keys = {} } = data
  await registerKeys(withAutoRefresh(dog), { keys }, { folder, env: process.env }).catch((error: unknown) => {
    throw error instanceof TypeError ? new ExitError(2, `${path}: ${error.message}`) : error
  })
  return dog
}
