import type { Dog } from 'dotdog'
import { ExitError } from './exit-error.js'

/** What is true of accounts and dogs before any key is registered. */

/** What tells the keys of accounts apart. */
interface Account {
  appId: string
  prefix?: string
  stable?: boolean
}

/** A dog whose keys are refreshed automatically by default: a due value also when nobody asks. */
export const withAutoRefresh = (dog: Dog): Dog => ({
  ...dog,
  init: ((key: string, fetcher: never, options: object) =>
    dog.init(key, fetcher, { autoRefresh: true, ...options })) as Dog['init'],
})

/** @throws ExitError (code 2) if two accounts would use the same keys. */
export function checkPrefixes(accounts: readonly Account[]): void {
  const owners = new Map<string, string>()
  for (const [index, { appId, prefix = '', stable = false }] of accounts.entries()) {
    const family = `${prefix} ${stable}`
    const owner = owners.get(family)
    if (owner !== undefined) {
      const names = `${prefix}ACCESS_TOKEN${stable ? '_STABLE' : ''}, …`
      const problem = `the accounts ${owner} and ${appId} would both use the keys ${names}`
      throw new ExitError(2, `wechat[${index}].prefix: ${problem}; give each its own, such as "prefix": "SHOP_"`)
    }
    owners.set(family, appId)
  }
}
