import { checkPrefixes } from '../lib/account-keys.js'
import { ExitError } from '../lib/exit-error.js'
import type { AccountReference, ConfigurationFile } from './file/configuration.js'

/** What is true of accounts and dogs before any is registered. */

/** For WeChat alone the environment is enough. */
export function accountOfEnvironment({ WX_APPID, WX_APPSECRET, WX_BASE_URL }: NodeJS.ProcessEnv): ConfigurationFile {
  if (!WX_APPID || !WX_APPSECRET) return {}
  const account = { appId: WX_APPID, appSecret: { env: 'WX_APPSECRET' } }
  return { keys: { ACCESS_TOKEN: { wechat: WX_BASE_URL ? { ...account, baseUrl: WX_BASE_URL } : account } } }
}

/** The entries of `keys`, and one for each account of `wechat`. */
export function keysOf({ keys = {} }: ConfigurationFile, accounts: readonly AccountReference[] = []): Record<string, unknown> {
  checkPrefixes(accounts)
  const entries = accounts.map(({ prefix = '', ...account }) => {
    const key = `${prefix}ACCESS_TOKEN${account.stable ? '_STABLE' : ''}`
    if (Object.hasOwn(keys, key)) throw new ExitError(2, `the configuration has ${key} in keys and in wechat`)
    return [key, { wechat: account }] as const
  })
  return { ...Object.fromEntries(entries), ...keys }
}
