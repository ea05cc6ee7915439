// Checks the options of `wechat()`, and fills in the defaults.
import type { Dog, Fetcher, KeyOptions } from 'dotdog'
import { checkHttpUrl } from '../core/shared/upstream/http-url.js'
import {
  ANYTHING,
  BOOLEAN,
  checkOptions,
  FUNCTION,
  ID,
  type Rules,
  required,
  SECRET_ID,
  secondsUpTo,
} from '../core/shared/validate.js'

export interface WeChatOptions {
  /** The account: `wx` and 16 hex characters. */
  appId: string
  /**
   * Without it, and without `token`, nothing is fetched: the account is a follower, which uses what
   * another process or a central server fetches.
   */
  appSecret?: string
  /**
   * Fetches the token in place of `/cgi-bin/token`, for an account that a third-party platform acts
   * for. Not together with `appSecret` or `stable`.
   *
   * @example
   * wechat({ appId, token: ({ use }) => use('COMPONENT_ACCESS_TOKEN', (component) => authorizerToken(component)) })
   */
  token?: Fetcher<string>
  /** Where the platform is. Default `https://api.weixin.qq.com`. The path of a proxy is kept. */
  baseUrl?: string
  /** The dog that keeps the secrets. Default: the default dog of the package `dotdog`. */
  dog?: Dog
  /** Put before the names of the keys, so that one dog can keep two accounts. Default: none. */
  prefix?: string
  /** Seconds that one request may take, at most 600. Default 30. */
  timeout?: number
  /**
   * Uses stable tokens (`/cgi-bin/stable_token`). Fetching one invalidates no other, so that
   * machines without a common folder can use one account. Default false.
   */
  stable?: boolean
  /**
   * At most `limit` token fetches in `window` seconds (default one day), counted over all
   * processes. Default: no limit.
   */
  quota?: KeyOptions['quota']
}

export interface CheckedOptions {
  appId: string
  appSecret: string | undefined
  token: Fetcher<string> | undefined
  baseUrl: string
  dog: Dog | undefined
  prefix: string
  timeout: number
  stable: boolean
  quota: KeyOptions['quota']
}

const MAX_TIMEOUT_S = 600

const RULES: Rules = {
  appId: required(ID),
  appSecret: SECRET_ID,
  token: FUNCTION,
  baseUrl: ANYTHING,
  dog: {
    test: (value: unknown) => typeof (value as { init?: unknown } | null)?.init === 'function',
    rule: 'must be what createDog() returns',
  },
  prefix: { test: (value: unknown) => typeof value === 'string', rule: 'must be a string' },
  timeout: secondsUpTo(MAX_TIMEOUT_S),
  stable: BOOLEAN,
  // Checked by init.
  quota: ANYTHING,
}

/** @throws TypeError for the first option that is unknown or wrong. */
export function checkWeChatOptions(options: WeChatOptions): CheckedOptions {
  const checked = checkOptions<WeChatOptions>('wechat', options, RULES)
  const { appId, appSecret, token, baseUrl = 'https://api.weixin.qq.com', dog, prefix = '' } = checked
  const { timeout = 30, stable = false, quota } = checked
  if (token !== undefined && appSecret !== undefined) throw new TypeError('appSecret must not be given together with token')
  if (token !== undefined && stable) throw new TypeError('stable must not be given together with token')
  return { appId, appSecret, token, baseUrl: checkHttpUrl('baseUrl', baseUrl), dog, prefix, timeout, stable, quota }
}
