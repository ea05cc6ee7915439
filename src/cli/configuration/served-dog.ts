import type { Dog } from 'dotdog'
import { registerKeys } from '../keys/index.js'
import { withAutoRefresh } from '../lib/account-keys.js'
import { ExitError } from '../lib/exit-error.js'
import { accountOfEnvironment } from './accounts.js'
import type { Configuration } from './file/configuration.js'
import { loadConfiguration } from './file/load.js'
import { folderOf } from './folder.js'
import type { Config } from './serve-config.js'
import { openDog } from './session.js'

/**
 * The dog of a server, with the keys of the configuration's `keys`, which are refreshed although
 * nobody asks. Without a store or an encryption key it is the default dog, which a module may use. Its
 * folder is the one that the other commands use with this configuration.
 *
 * @param dirArgument the folder that the command line names
 * @throws ExitError (code 2) for a member that breaks its rule.
 */
export async function openServedDog({ folder }: Config, path: string | undefined, dirArgument?: string): Promise<Dog> {
  const { env } = process
  const data = path === undefined ? accountOfEnvironment(env) : await loadConfiguration(path)
  const configuration: Configuration = { path, folder, data }
  const dog = await openDogOf(configuration, dirArgument)
  const { keys = {} } = data
  await registerKeys(withAutoRefresh(dog), { keys }, { folder, env }).catch((error: unknown) => {
    throw error instanceof TypeError && path !== undefined ? new ExitError(2, `${path}: ${error.message}`) : error
  })
  return dog
}

async function openDogOf(configuration: Configuration, dirArgument: string | undefined): Promise<Dog> {
  const { path, data } = configuration
  const { env } = process
  if (data.store !== undefined || data.encryptionKey !== undefined) return (await openDog(configuration, dirArgument, env)).dog
  // Set before the folder of the default dog is resolved. Without any key nothing has to be found.
  if ((path ?? dirArgument ?? data.keys) !== undefined) {
    env.DOTDOG_DIR = folderOf(dirArgument, configuration, env, process.cwd())
  }
  return await import('dotdog')
}
