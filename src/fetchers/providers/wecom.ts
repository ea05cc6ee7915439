import type { KeyOptions } from 'dotdog'
import { INVALID_TOKEN_CODES } from '../../core/shared/upstream/dead-token-codes.js'
import { checkHttpUrl } from '../../core/shared/upstream/http-url.js'
import { checkOptions, required } from '../../core/shared/validate.js'
import { PERMANENT_RETRY_S } from '../lib/errors.js'
import { accountRules, ID_OR_NUMBER } from '../lib/options.js'
import { createFetcher, type Registration, refusalOf, register, sameRetryAfter, tokenResult } from '../lib/provider.js'

export interface WeComOptions {
  corpId: string
  /** The secret of one app. Each app of a company has its own secret, and with it its own token. */
  corpSecret: string
  /**
   * The app: its AgentId, or a name for a secret that belongs to none, such as `'contacts'`. It is
   * part of the identity, so that two apps under one key are an `ERR_DOG_IDENTITY` and never get
   * each other's token. It is not sent.
   */
  agentId: string | number
  /** Default `https://qyapi.weixin.qq.com`. The path of a proxy is kept. */
  baseUrl?: string
}

const RULES = accountRules('corpId', 'corpSecret', { agentId: required(ID_OR_NUMBER) })

/** Repeated wrong secrets ban the caller's address for this time. */
const BAN_S = 3600
/** A wrong secret is tried again after this time, so that the retries lead to no ban. */
const WRONG_SECRET_RETRY_S = 300

/**
 * The token of an app in WeCom (企业微信). Fetching again returns the **same** token as long as it
 * lives. Repeated wrong secrets ban the caller's address for an hour, so that a wrong secret is
 * retried only after five minutes.
 *
 * @throws TypeError for an unknown or wrong option.
 * @example
 * init('WECOM_TOKEN', ...wecom({ corpId, corpSecret, agentId: 1000002 }))
 * await use('WECOM_TOKEN', async (token) => {
 *   const response = await (await fetch(`https://qyapi.weixin.qq.com/cgi-bin/agent/list?access_token=${token}`)).json()
 *   if (response.errcode !== 0) throw response // 40014 and 42001: the token is replaced, and the task runs once more
 *   return response
 * })
 */
export function wecom(account: WeComOptions, options?: KeyOptions): Registration {
  const { corpId, corpSecret, agentId, baseUrl } = checkOptions<WeComOptions>('wecom', account, RULES)
  const base = checkHttpUrl('baseUrl', baseUrl ?? 'https://qyapi.weixin.qq.com')
  const query = new URLSearchParams({ corpid: corpId, corpsecret: corpSecret })
  const fetcher = createFetcher({
    provider: 'WeCom',
    secrets: [corpSecret],
    request: () => ({ method: 'GET', url: `${base}/cgi-bin/gettoken?${query}` }),
    refusal: (response) => refusalOf(response.errcode, response.errmsg),
    result: (response) => tokenResult(response.access_token, response.expires_in),
    retryAfter: {
      ...sameRetryAfter(WRONG_SECRET_RETRY_S, 40001, 40013, 40091, 41004),
      ...sameRetryAfter(PERMANENT_RETRY_S, 60020),
      ...sameRetryAfter(BAN_S, 45009),
    },
  })
  const identity = `wecom:${corpId}/${agentId}`
  return register(fetcher, { identity, isRejected: (hints) => hints.hasErrcode(...INVALID_TOKEN_CODES) }, options)
}
