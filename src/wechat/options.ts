// Checks what the user gave. A message has the option's name, the rule, the value and its type; the AppSecret's value never.
import type { Dog, KeyOptions } from 'dotdog'
import { show } from '../core/shared/validate.js'

export interface WeChatOptions {
  /** The account: `wx` and 16 hex characters. */
  appId: string
  appSecret: string
  /** Where the platform is. Default `https://api.weixin.qq.com`; a proxy's path is kept. */
  baseUrl?: string
  /** The dog that keeps the secrets. Default: the default dog, the package `dotdog` itself. */
  dog?: Dog
  /** Put before the key names, so that two accounts fit into one dog. Default none. */
  prefix?: string
  /** Seconds a request may take; at most 600. Default 30. */
  timeout?: number
  /**
   * Uses stable tokens (`/cgi-bin/stable_token`): asking for one kills no other, so that machines that share no folder can
   * share an account. Default false.
   */
  stable?: boolean
  /** At most `limit` token fetches in `window` seconds (default a day), counted over all processes. Default none. */
  quota?: KeyOptions['quota']
}

export interface CheckedOptions {
  appId: string
  appSecret: string
  baseUrl: string
  dog: Dog | undefined
  prefix: string
  timeout: number
  stable: boolean
  quota: KeyOptions['quota']
}

function checkBaseUrl(value: unknown): string {
  const rule = 'baseUrl must be an http(s) URL without user, query and fragment'
  if (typeof value !== 'string' || !URL.canParse(value)) throw new TypeError(`${rule}; got ${show(value)}`)
  const url = new URL(value)
  const bare = url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  if (!bare || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    // Only the harmless part is shown: the rest may be a password.
    throw new TypeError(`${rule}; got ${JSON.stringify(`${url.protocol}//${url.host}${url.pathname}`)} with more (string)`)
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}

/** @throws TypeError for the first option that is wrong. */
export function checkOptions(options: WeChatOptions): CheckedOptions {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`wechat wants an object: { appId, appSecret }; got ${options === null ? 'null' : typeof options}`)
  }
  const { appId, appSecret, baseUrl = 'https://api.weixin.qq.com', dog, prefix = '', timeout = 30 } = options
  const { stable = false, quota } = options
  if (typeof appId !== 'string' || !/^\S+$/.test(appId)) {
    throw new TypeError(`appId must be a non-empty string without spaces; got ${show(appId)}`)
  }
  if (typeof appSecret !== 'string' || !/^\S+$/.test(appSecret)) {
    const got = typeof appSecret === 'string' ? 'a string that is empty or has some' : `a value of type ${typeof appSecret}`
    throw new TypeError(`appSecret must be a non-empty string without spaces; got ${got}`)
  }
  if (dog !== undefined && typeof (dog as { init?: unknown } | null)?.init !== 'function') {
    throw new TypeError(`dog must be what createDog() returns; got ${show(dog)}`)
  }
  if (typeof prefix !== 'string') throw new TypeError(`prefix must be a string; got ${show(prefix)}`)
  if (typeof timeout !== 'number' || !(timeout > 0 && timeout <= 600)) {
    throw new TypeError(`timeout must be seconds, over 0 and at most 600; got ${show(timeout)}`)
  }
  if (typeof stable !== 'boolean') throw new TypeError(`stable must be true or false; got ${show(stable)}`)
  return { appId, appSecret, baseUrl: checkBaseUrl(baseUrl), dog, prefix, timeout, stable, quota }
}
