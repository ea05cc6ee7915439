import type { KeyOptions } from 'dotdog'
import { INVALID_TOKEN_CODES } from '../../core/shared/upstream/dead-token-codes.js'
import { checkHttpUrl } from '../../core/shared/upstream/http-url.js'
import { checkOptions } from '../../core/shared/validate.js'
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
import type { RejectionHints } from '../lib/rejection.js'

export interface DingTalkOptions {
  appKey: string
  appSecret: string
  /** Default `https://api.dingtalk.com`. The path of a proxy is kept. */
  baseUrl?: string
}

const RULES = accountRules('appKey', 'appSecret')

/** The old API wraps its errors in errcode 88. Only sub_code says what is wrong. */
const isRejected = (hints: RejectionHints): boolean =>
  hints.has('code', 'InvalidAuthentication') ||
  hints.hasErrcode(...INVALID_TOKEN_CODES) ||
  (hints.has('errcode', 88) && hints.has('sub_code', ...INVALID_TOKEN_CODES))

/**
 * The token of an internal app in DingTalk (钉钉), for its new API and the old one
 * (`oapi.dingtalk.com`). Fetching again returns the **same** token and prolongs it.
 *
 * @throws TypeError for an unknown or wrong option.
 * @example
 * init('DINGTALK_TOKEN', ...dingtalk({ appKey, appSecret }))
 */
export function dingtalk(account: DingTalkOptions, options?: KeyOptions): Registration {
  const { appKey, appSecret, baseUrl } = checkOptions<DingTalkOptions>('dingtalk', account, RULES)
  const base = checkHttpUrl('baseUrl', baseUrl ?? 'https://api.dingtalk.com')
  const fetcher = createFetcher({
    provider: 'DingTalk',
    secrets: [appSecret],
    request: () => postJson(`${base}/v1.0/oauth2/accessToken`, { appKey, appSecret }),
    refusal: (response) => refusalOf(response.code, response.message),
    result: (response) => tokenResult(response.accessToken, response.expireIn),
    retryAfter: sameRetryAfter(PERMANENT_RETRY_S, 'invalidClientIdOrSecret', 40096),
  })
  return register(fetcher, { identity: `dingtalk:${appKey}`, isRejected }, options)
}
