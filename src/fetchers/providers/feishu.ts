import type { KeyOptions } from 'dotdog'
import { checkHttpUrl } from '../../core/shared/upstream/http-url.js'
import { BOOLEAN, checkOptions } from '../../core/shared/validate.js'
import { PERMANENT_RETRY_S } from '../lib/errors.js'
import { accountRules } from '../lib/options.js'
import {
  createFetcher,
  postJson,
  type Registration,
  refusalOf,
  register,
  sameRetryAfter,
  tokenResult,
} from '../lib/provider.js'

export interface FeishuOptions {
  appId: string
  appSecret: string
  /** Uses Lark, which is Feishu outside China. Default false. */
  lark?: boolean
  /**
   * Default `https://open.feishu.cn`, for Lark `https://open.larksuite.com`. The path of a proxy is
   * kept.
   */
  baseUrl?: string
}

const RULES = accountRules('appId', 'appSecret', { lark: BOOLEAN })

/**
 * The upstream returns a new token only in the last 30 minutes of the old one. A fetch before that
 * would be useless.
 */
const REFRESH_AHEAD_S = 1500

/**
 * The tenant token of an internal app in Feishu (飞书) or Lark. Fetching again returns the **same**
 * token until 30 minutes before its end, then a new one, and both are valid. The default of
 * `refreshAhead` is therefore 1500 s (25 minutes).
 *
 * @throws TypeError for an unknown or wrong option.
 * @example
 * init('FEISHU_TOKEN', ...feishu({ appId, appSecret }))
 * init('LARK_TOKEN', ...feishu({ appId, appSecret, lark: true }))
 */
export function feishu(account: FeishuOptions, options?: KeyOptions): Registration {
  const { appId, appSecret, lark = false, baseUrl } = checkOptions<FeishuOptions>('feishu', account, RULES)
  const base = checkHttpUrl('baseUrl', baseUrl ?? (lark ? 'https://open.larksuite.com' : 'https://open.feishu.cn'))
  const body = { app_id: appId, app_secret: appSecret }
  const fetcher = createFetcher({
    provider: lark ? 'Lark' : 'Feishu',
    secrets: [appSecret],
    request: () => postJson(`${base}/open-apis/auth/v3/tenant_access_token/internal`, body),
    refusal: (response) => refusalOf(response.code, response.msg),
    result: (response) => tokenResult(response.tenant_access_token, response.expire),
    retryAfter: sameRetryAfter(PERMANENT_RETRY_S, 10003, 10014),
  })
  return register(
    fetcher,
    {
      identity: `${lark ? 'lark' : 'feishu'}:${appId}`,
      refreshAhead: REFRESH_AHEAD_S,
      isRejected: (hints) => hints.has('code', 99991663),
    },
    options,
  )
}
