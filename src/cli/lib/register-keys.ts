// Registers the keys that are served: those of the WeChat accounts in the configuration, and those
// of the user's module.

import { pathToFileURL } from 'node:url'
import type { Dog } from 'dotdog'
import type { ServedAccount } from 'dotdog/server'
import { checkPrefixes, withAutoRefresh } from './account-keys.js'
import type { AccountConfig } from './config.js'
import { cleanMessage, ExitError } from './exit-error.js'
import { importModule } from './import-module.js'

export async function registerAccounts(dog: Dog, accounts: readonly AccountConfig[]): Promise<ServedAccount[]> {
  if (accounts.length === 0) return []
  checkPrefixes(accounts)
  const { wechat } = await import('dotdog/wechat')
  const refreshed = withAutoRefresh(dog)
  return accounts.map((account) => ({
    appId: account.appId,
    wx: wechat({ ...account, dog: refreshed }),
    ...(account.baseUrl === undefined ? {} : { baseUrl: account.baseUrl }),
  }))
}

/**
 * Loads the user's module, CommonJS or ESM. It exports a function of the dog, or registers its keys
 * with the package `dotdog` while it is loaded.
 *
 * @param otherKeys what is registered already
 * @throws ExitError if the module fails, or registers nothing.
 */
export async function loadModule(dog: Dog, path: string, otherKeys: readonly string[] = []): Promise<void> {
  let hasFunction = false
  try {
    const loaded = await importModule(pathToFileURL(path).href)
    const register = [loaded.default, loaded['module.exports']].find((exported) => typeof exported === 'function')
    hasFunction = register !== undefined
    await (register as ((dog: Dog) => unknown) | undefined)?.(dog)
  } catch (error) {
    throw new ExitError(1, `The module ${path} failed: ${cleanMessage(error)}`)
  }
  if (hasFunction || (await dog.status()).some(({ key }) => !otherKeys.includes(key))) return
  const example = "module.exports = (dog) => { dog.init('TOKEN', fetcher) }"
  throw new ExitError(2, `module: ${path} registers no key; let it export a function of the dog: ${example}`)
}
