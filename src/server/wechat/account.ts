import type { Peeked, Secret } from 'dotdog'
import type { WeChat } from 'dotdog/wechat'
import { checkMembers, type Rules, required, TEXT } from '../../core/shared/validate.js'

/** An account that the platform's paths are served for. */
export interface ServedAccount {
  /** The real appId: clients copy it into `wx.config`. */
  appId: string
  /** What `wechat()` returned. */
  wx: WeChat
  /**
   * Where its calls are passed on to: the `baseUrl` that `wechat()` was given. Default
   * `https://api.weixin.qq.com`.
   */
  baseUrl?: string
}

/**
 * The longest `expires_in` of an answer. WeChat accepts a replaced token for this long, so no
 * client keeps a token longer than it works.
 */
const MAX_EXPIRES_IN_S = 300
/** A value with less left is replaced first: node-easywechat refuses an answer under 60 s. */
const MIN_EXPIRES_IN_S = 61

/** The valid value. One with too little time left is replaced first, unless that fails. */
export async function readLasting(secret: Secret<string>): Promise<Peeked<string>> {
  await secret.get({ minTtl: MIN_EXPIRES_IN_S }).catch(() => {})
  return readCurrent(secret)
}

/** The valid value. */
export async function readCurrent(secret: Secret<string>): Promise<Peeked<string>> {
  await secret.get()
  const current = secret.peek()
  if (current !== undefined) return current
  // The value expired between the two calls: once more.
  await secret.get()
  return secret.peek() as Peeked<string>
}

/** The `expires_in` that a client is told. `now`: epoch milliseconds. */
export function expiresInFor({ expiresAt }: Peeked<string>, now: number): number {
  return Math.max(1, Math.min(MAX_EXPIRES_IN_S, Math.floor((expiresAt - now) / 1000)))
}

/** The served accounts. One appId may stand twice, once for each family of tokens. */
export interface Accounts {
  /**
   * Finds the account of an appId. If the asked family is not served, the other one is returned.
   *
   * @param isStable whether the client asked for a stable token
   */
  find(appId: string, isStable: boolean): ServedAccount | undefined
}

const isHttpUrl = (value: unknown): boolean =>
  typeof value === 'string' && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)

const ACCOUNT_RULES: Rules = {
  appId: required(TEXT),
  wx: required({
    test: (wx: Partial<WeChat> | null) => Boolean(wx?.accessToken?.key),
    rule: 'must be what wechat() returns',
    isSecret: true,
  }),
  baseUrl: { test: isHttpUrl, rule: 'must be an http(s) URL', isSecret: true },
}

/** @throws TypeError for the first account that is wrong. */
export function createAccounts(accounts: readonly ServedAccount[]): Accounts {
  for (const [index, account] of accounts.entries()) checkMembers(`accounts[${index}]`, account, ACCOUNT_RULES)
  const hasStableTokens = ({ wx }: ServedAccount) => wx.accessToken.key.endsWith('_STABLE')
  return {
    find(appId, isStable) {
      const candidates = accounts.filter((account) => account.appId === appId)
      return candidates.find((account) => hasStableTokens(account) === isStable) ?? candidates[0]
    },
  }
}
