import type { KeyOptions } from 'dotdog'
import { checkHttpUrl } from '../../core/shared/upstream/http-url.js'
import type { JsonObject } from '../../core/shared/upstream/upstream-text.js'
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

export interface DouyinOptions {
  clientKey: string
  clientSecret: string
  /** Uses the stable token: fetching one invalidates no other. Default false. */
  stable?: boolean
  /** Default `https://open.douyin.com`. The path of a proxy is kept. */
  baseUrl?: string
}

const RULES = accountRules('clientKey', 'clientSecret', { stable: BOOLEAN })

const dataOf = ({ data }: JsonObject): JsonObject => (typeof data === 'object' && data !== null ? (data as JsonObject) : {})

/** More than 500 calls in this time are refused. */
const RATE_LIMIT_WINDOW_S = 300

/**
 * The dead-token codes. The code stands in `data` as error_code or, in newer responses, beside it
 * as err_no. Which codes the platform uses was not verified: pass your own `isRejected` if you know
 * better.
 */
const DEAD_TOKEN_CODES = [10008, 2190002, 2190008, 28001003, 28001008]

/**
 * The client token of Douyin (抖音). Fetching again returns a **new** token. Only the two newest
 * tokens are valid, the older one for five minutes, so all processes must share one fetch. With
 * `stable`, fetching again returns the **same** token.
 *
 * @throws TypeError for an unknown or wrong option.
 * @example
 * init('DOUYIN_TOKEN', ...douyin({ clientKey, clientSecret }))
 * init('DOUYIN_STABLE_TOKEN', ...douyin({ clientKey, clientSecret, stable: true }))
 */
export function douyin(account: DouyinOptions, options?: KeyOptions): Registration {
  const { clientKey, clientSecret, stable = false, baseUrl } = checkOptions<DouyinOptions>('douyin', account, RULES)
  const base = checkHttpUrl('baseUrl', baseUrl ?? 'https://open.douyin.com')
  const url = `${base}/oauth/${stable ? 'stable_client_token' : 'client_token'}/`
  const body = { client_key: clientKey, client_secret: clientSecret, grant_type: 'client_credential' }
  const fetcher = createFetcher({
    provider: 'Douyin',
    secrets: [clientSecret],
    request: () => postJson(url, body),
    refusal: (response) => refusalOf(dataOf(response).error_code, dataOf(response).description),
    result: (response) => tokenResult(dataOf(response).access_token, dataOf(response).expires_in),
    retryAfter: {
      ...sameRetryAfter(PERMANENT_RETRY_S, 10002, 10003, 10013),
      ...sameRetryAfter(RATE_LIMIT_WINDOW_S, 10020),
    },
  })
  return register(
    fetcher,
    {
      identity: `douyin:${clientKey}${stable ? '/stable' : ''}`,
      isRejected: (hints) => hints.has('error_code', ...DEAD_TOKEN_CODES) || hints.has('err_no', ...DEAD_TOKEN_CODES),
    },
    options,
  )
}
