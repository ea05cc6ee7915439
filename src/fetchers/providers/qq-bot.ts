import type { KeyOptions } from 'dotdog'
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

export interface QQBotOptions {
  appId: string
  clientSecret: string
  /** Default `https://bots.qq.com`. The path of a proxy is kept. */
  baseUrl?: string
}

const RULES = accountRules('appId', 'clientSecret')

/**
 * The upstream returns a new token only in the last 60 seconds of the old one. A fetch before that
 * would be useless.
 */
const REFRESH_AHEAD_S = 50

/**
 * The token of a QQ bot, whose requests carry `Authorization: QQBot <token>`. Fetching again
 * returns the **same** token until 60 seconds before its end, then a new one, and both are valid.
 * The default of `refreshAhead` is therefore 50 s. (The upstream sends the lifetime as a string.)
 *
 * @throws TypeError for an unknown or wrong option.
 * @example
 * init('QQ_BOT_TOKEN', ...qqBot({ appId, clientSecret }))
 */
export function qqBot(account: QQBotOptions, options?: KeyOptions): Registration {
  const { appId, clientSecret, baseUrl } = checkOptions<QQBotOptions>('qqBot', account, RULES)
  const base = checkHttpUrl('baseUrl', baseUrl ?? 'https://bots.qq.com')
  const fetcher = createFetcher({
    provider: 'QQ bot',
    secrets: [clientSecret],
    request: () => postJson(`${base}/app/getAppAccessToken`, { appId, clientSecret }),
    refusal: (response) => refusalOf(response.code, response.message),
    result: (response) => tokenResult(response.access_token, response.expires_in),
    retryAfter: sameRetryAfter(PERMANENT_RETRY_S, 10004, 100001, 100007, 100016),
  })
  return register(
    fetcher,
    {
      identity: `qq-bot:${appId}`,
      refreshAhead: REFRESH_AHEAD_S,
      isRejected: (hints) => hints.status === 401 || hints.has('code', 11244),
    },
    options,
  )
}
