import { dirname, resolve } from 'node:path'
import type { Dog, DogOptions } from 'dotdog'
import { registerKeys } from '../keys/index.js'
import { withAutoRefresh } from '../lib/account-keys.js'
import type { SessionArguments } from '../lib/arguments.js'
import { ExitError } from '../lib/exit-error.js'
import { accountOfEnvironment, keysOf } from './accounts.js'
import type { Configuration } from './file/configuration.js'
import { findConfiguration } from './file/find.js'
import { loadConfiguration } from './file/load.js'
import { folderOf } from './folder.js'

/** What most commands begin with: the configuration, and a dog that knows its keys. */
export interface Session {
  dog: Dog
  configuration: Configuration
  /** Where the values are: a folder, or the store's name. */
  place: string
  /** The keys that the configuration names. */
  keys: string[]
}

export interface SessionOptions {
  /** Refreshes due values also when nobody asks. Default false. */
  autoRefresh?: boolean
  /** Registers only what these keys need. Default: all. */
  only?: readonly string[]
}

/**
 * Fetches nothing, and asks for no secret of a key: these are resolved by a fetch.
 *
 * @throws ExitError (code 2) for a configuration that is wrong, or where no folder is found.
 */
export async function openSession(args: SessionArguments, options: SessionOptions = {}): Promise<Session> {
  const { env } = process
  const configuration = await findAndLoad(args.config, env)
  const { path, folder, data } = configuration
  const { dog, place } = await openDog(configuration, args.dir, env)
  dog.on('warning', ({ key, message }) => console.error(`dotdog: ${key ?? 'warning'}: ${message}`))
  const registering = options.autoRefresh ? withAutoRefresh(dog) : dog
  const keys = keysOf(data, data.wechat)
  const surroundings = { folder, env, ...(options.only === undefined ? {} : { only: options.only }) }
  const registered = await registerKeys(registering, { keys }, surroundings).catch((error: unknown) => {
    throw error instanceof TypeError && path !== undefined ? new ExitError(2, `${path}: ${error.message}`) : error
  })
  if (data.module !== undefined) {
    const { loadModule } = await import('../lib/register-keys.js')
    await loadModule(registering, resolve(folder, data.module), registered)
  }
  return { dog, configuration, place, keys: registered }
}

/** The configuration of the file, or of the environment where there is no file. */
export async function findAndLoad(argument: string | undefined, env: NodeJS.ProcessEnv): Promise<Configuration> {
  const path = findConfiguration(argument, env, process.cwd())
  if (path === undefined) return { path, folder: process.cwd(), data: accountOfEnvironment(env) }
  return { path, folder: dirname(path), data: await loadConfiguration(path) }
}

/** Loaded only where the configuration names them. */
async function storageOf(configuration: Configuration, env: NodeJS.ProcessEnv) {
  const { data } = configuration
  const store = data.store === undefined ? undefined : await (await import('./store.js')).openStore(configuration, env)
  if (data.encryptionKey === undefined) return [store, undefined] as const
  return [store, await (await import('./secrets.js')).encryptionKeysOf(configuration, env)] as const
}

/** A dog over the folder or the store that the configuration names. */
export async function openDog(
  configuration: Configuration,
  dirArgument: string | undefined,
  env: NodeJS.ProcessEnv,
  fileOptions: Pick<DogOptions, 'mode'> = {},
): Promise<Pick<Session, 'dog' | 'place'>> {
  const { data } = configuration
  if (data.store !== undefined && (dirArgument ?? data.dir) !== undefined) {
    throw new ExitError(
      2,
      `the configuration has a store, and ${dirArgument === undefined ? 'its dir' : '--dir'} names a folder: choose one`,
    )
  }
  const dotdog = await import('dotdog')
  const [store, encryptionKey] = await storageOf(configuration, env)
  const encryption: DogOptions = encryptionKey === undefined ? {} : { encryptionKey }
  if (store !== undefined) return { dog: dotdog.createDog({ ...encryption, store }), place: store.name }
  const dir = folderOf(dirArgument, configuration, env, process.cwd())
  if (data.module === undefined || encryptionKey !== undefined) {
    return { dog: dotdog.createDog({ ...encryption, ...fileOptions, dir }), place: dir }
  }
  // A module may register its keys with the default dog.
  env.DOTDOG_DIR = dir
  return { dog: dotdog, place: dir }
}
