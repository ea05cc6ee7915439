import { dirname, resolve } from 'node:path'
import type { ClientConfig } from 'dotdog/server'
import { resolveFolder } from '../../core/shared/home-folder.js'
import type { AccountConfig, ListenConfig } from '../lib/config.js'
import type { AccountReference } from './file/configuration.js'
import { loadConfiguration } from './file/load.js'
import { secretOf } from './secrets.js'

/** The configuration as `serve` uses it: secrets resolved, and paths absolute. */
export interface Config {
  /** The folder that relative paths start from. */
  folder: string
  listen: ListenConfig
  dir?: string
  module?: string
  wechat: AccountConfig[]
  /** The files that hold secrets. */
  secretFiles: string[]
  clients?: ClientConfig[]
  /** `keys`, `store` and `encryptionKey`, which the schema of the configuration checks. */
  others: Record<string, unknown>
}

/**
 * Reads the whole configuration. Without a path, an empty one. The secrets of the accounts are
 * resolved now, so that a missing one ends the start.
 *
 * @throws ExitError (code 2) for the first thing that is wrong.
 */
export async function readConfig(path: string | undefined): Promise<Config> {
  if (path === undefined) return { folder: process.cwd(), listen: {}, wechat: [], secretFiles: [], others: {} }
  const folder = dirname(path)
  const data = await loadConfiguration(path)
  const { listen = {}, dir, module, wechat = [], clients, ...others } = data
  const account = async (entry: AccountReference, index: number): Promise<AccountConfig> => ({
    ...entry,
    appSecret: await secretOf(`wechat[${index}].appSecret`, entry.appSecret, { path, folder, data }, process.env),
  })
  return {
    folder,
    others: others as Record<string, unknown>,
    listen,
    wechat: await Promise.all(wechat.map(account)),
    secretFiles: wechat.flatMap(({ appSecret }) => ('file' in appSecret ? [resolve(folder, appSecret.file)] : [])),
    ...(dir === undefined ? {} : { dir: resolveFolder('dir', dir, folder) }),
    ...(module === undefined ? {} : { module: resolve(folder, module) }),
    ...(clients === undefined ? {} : { clients }),
  }
}
