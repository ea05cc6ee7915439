// Whose keys are served: those of WeChat accounts in the configuration, and those that a module of the user's registers.

import { pathToFileURL } from 'node:url'
import type { Dog } from 'dotdog'
import type { WeChat } from 'dotdog/wechat'
import type { Config } from './config.js'
import { cleanMessage, Failure } from './exit-error.js'

export interface ServedAccount {
  appId: string
  wx: WeChat
  baseUrl?: string
}

/** The counter of the stable token's forced fetches is no value that gets old. */
const NO_REFRESH = /_FORCED$/

/** A dog that refreshes what is due also when nobody asks: a server is there for that. */
const refreshing = (dog: Dog): Dog => ({
  ...dog,
  init: ((key: string, fetcher: never, options: object) =>
    dog.init(key, fetcher, { autoRefresh: !NO_REFRESH.test(key), ...options })) as Dog['init'],
})

export async function registerAccounts(dog: Dog, accounts: Config['wechat']): Promise<ServedAccount[]> {
  if (accounts.length === 0) return []
  const { wechat } = await import('dotdog/wechat')
  const shared = refreshing(dog)
  return accounts.map((account) => ({
    appId: account.appId,
    wx: wechat({ ...account, dog: shared }),
    ...(account.baseUrl === undefined ? {} : { baseUrl: account.baseUrl }),
  }))
}

/** The module is a function of the dog, or registers its keys with the package `dotdog` when it is loaded. CommonJS or ESM. */
export async function loadModule(dog: Dog, path: string): Promise<void> {
  try {
    // An import that stays one, also in what is built: require() cannot load every ES module.
    const importIt = new Function('url', 'return import(url)') as (url: string) => Promise<Record<string, unknown>>
    const loaded = await importIt(pathToFileURL(path).href)
    const register = [loaded.default, loaded['module.exports']].find((one) => typeof one === 'function')
    await (register as ((dog: Dog) => unknown) | undefined)?.(dog)
  } catch (error) {
    throw new Failure(1, `The module ${path} failed: ${cleanMessage(error)}`)
  }
}
