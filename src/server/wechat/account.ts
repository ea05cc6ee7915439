// An account as the platform's paths see it, and its values of the moment.
import type { Peeked, Secret } from 'dotdog'
import type { WeChat } from 'dotdog/wechat'

export interface ServedAccount {
  /** The real one: clients copy it into `wx.config`. */
  appId: string
  /** What `wechat()` returned. */
  wx: WeChat
  /** Where its calls are passed on to: the `baseUrl` that `wechat()` was given. Default `https://api.weixin.qq.com`. */
  baseUrl?: string
}

/** Seconds a client may keep a value: as long as a replaced one is still accepted, so that nobody outlives a rotation. */
const LONGEST = 300
/** Seconds: node-easywechat takes no less than 60 for an answer. */
const SHORTEST = 61

/** The valid value, to be kept for a while: one with too little left is replaced first, if that can be had. */
export async function lastingOf(secret: Secret<string>): Promise<Peeked<string>> {
  await secret.get({ minTtl: SHORTEST }).catch(() => {})
  return currentOf(secret)
}

/** The valid value. */
export async function currentOf(secret: Secret<string>): Promise<Peeked<string>> {
  await secret.get()
  const known = secret.peek()
  if (known !== undefined) return known
  // It ended between the two: once more.
  await secret.get()
  return secret.peek() as Peeked<string>
}

/** `expires_in` for a client. `now`: epoch milliseconds. */
export function expiresIn({ expiresAt }: Peeked<string>, now: number): number {
  return Math.max(1, Math.min(LONGEST, Math.floor((expiresAt - now) / 1000)))
}

/** An account can be served with both families of tokens, so that there may be two of one appId. */
export interface Accounts {
  /** `undefined`: nobody knows this appId. `stable`: the family that was asked for; the other one serves as well. */
  find(appId: string, stable: boolean): ServedAccount | undefined
}

/** @throws TypeError for the first account that is wrong. */
export function createAccounts(accounts: readonly ServedAccount[]): Accounts {
  if (!Array.isArray(accounts)) throw new TypeError(`accounts must be a list; got ${typeof accounts}`)
  for (const [index, account] of accounts.entries()) check(account, `accounts[${index}]`)
  const isStable = ({ wx }: ServedAccount) => wx.accessToken.key.endsWith('_STABLE')
  return {
    find(appId, stable) {
      const own = accounts.filter((account) => account.appId === appId)
      return own.find((account) => isStable(account) === stable) ?? own[0]
    },
  }
}

function check(account: ServedAccount, name: string): void {
  const { appId, wx, baseUrl } = account ?? {}
  if (typeof appId !== 'string' || appId === '') throw new TypeError(`${name}.appId must be a string; got ${typeof appId}`)
  if (!wx?.accessToken?.key) throw new TypeError(`${name}.wx must be what wechat() returns; got ${typeof wx}`)
  if (baseUrl !== undefined && !/^https?:$/.test(URL.canParse(baseUrl) ? new URL(baseUrl).protocol : '')) {
    throw new TypeError(`${name}.baseUrl must be an http(s) URL; got ${typeof baseUrl}`)
  }
}
