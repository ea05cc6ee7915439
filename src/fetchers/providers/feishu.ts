import type { KeyOptions } from 'dotdog'
import { PERMANENT } from '../lib/errors.js'
import { checkId, checkObject, checkOneOf, checkSecret, checkUrl } from '../lib/options.js'
import { each, fetcherOf, lasting, postJson, type Registration, refusalOf, register } from '../lib/provider.js'

export interface FeishuOptions {
  appId: string
  appSecret: string
  /** Lark, Feishu outside China. Default false. */
  lark?: boolean
  /** Default `https://open.feishu.cn`, for Lark `https://open.larksuite.com`; a proxy's path is kept. */
  baseUrl?: string
}

/** In its last 30 minutes asking returns a new token, before that the same one: earlier would be in vain. */
const AHEAD = 1500

/**
 * The tenant token of an app of one's own in Feishu (飞书) or Lark. Asking again returns the **same** token until 30 minutes
 * before its end, then a new one, and both are valid: its `ahead` is 25 minutes.
 *
 * @example
 * init('FEISHU_TOKEN', ...feishu({ appId, appSecret }))
 * init('LARK_TOKEN', ...feishu({ appId, appSecret, lark: true }))
 */
export function feishu(account: FeishuOptions, options?: KeyOptions): Registration {
  const { appId, appSecret, lark = false, baseUrl } = checkObject('feishu', account)
  checkOneOf('lark', lark, [true, false])
  const base = checkUrl('baseUrl', baseUrl ?? (lark ? 'https://open.larksuite.com' : 'https://open.feishu.cn'))
  const body = { app_id: checkId('appId', appId), app_secret: checkSecret('appSecret', appSecret) }
  const fetcher = fetcherOf({
    provider: lark ? 'Lark' : 'Feishu',
    secrets: [appSecret],
    request: () => postJson(`${base}/open-apis/auth/v3/tenant_access_token/internal`, body),
    refusal: (answer) => refusalOf(answer.code, answer.msg),
    result: (answer) => lasting(answer.tenant_access_token, answer.expire),
    waits: each(PERMANENT, 10003, 10014),
  })
  const identity = `${lark ? 'lark' : 'feishu'}:${appId}`
  return register(fetcher, { identity, ahead: AHEAD, isDead: (signs) => signs.has('code', 99991663) }, options)
}
