import type { KeyOptions } from 'dotdog'
import { PERMANENT } from '../lib/errors.js'
import { checkId, checkObject, checkSecret, checkUrl } from '../lib/options.js'
import { each, fetcherOf, lasting, postJson, type Registration, refusalOf, register } from '../lib/provider.js'

export interface DingTalkOptions {
  appKey: string
  appSecret: string
  /** Default `https://api.dingtalk.com`; a proxy's path is kept. */
  baseUrl?: string
}

/**
 * The token of an app of one's own in DingTalk (钉钉), for its new API and the old one (`oapi.dingtalk.com`). Asking again
 * returns the **same** token and prolongs it.
 *
 * @example
 * init('DINGTALK_TOKEN', ...dingtalk({ appKey, appSecret }))
 */
export function dingtalk(account: DingTalkOptions, options?: KeyOptions): Registration {
  const { appKey, appSecret, baseUrl = 'https://api.dingtalk.com' } = checkObject('dingtalk', account)
  const base = checkUrl('baseUrl', baseUrl)
  const body = { appKey: checkId('appKey', appKey), appSecret: checkSecret('appSecret', appSecret) }
  const fetcher = fetcherOf({
    provider: 'DingTalk',
    secrets: [appSecret],
    request: () => postJson(`${base}/v1.0/oauth2/accessToken`, body),
    refusal: (answer) => refusalOf(answer.code, answer.message),
    result: (answer) => lasting(answer.accessToken, answer.expireIn),
    waits: each(PERMANENT, 'invalidClientIdOrSecret', 40096),
  })
  // The old API's wrapper 88 says only in sub_code what is wrong.
  const isDead: Parameters<typeof register>[1]['isDead'] = (signs) =>
    signs.has('code', 'InvalidAuthentication') ||
    signs.has('errcode', 40014, 42001) ||
    (signs.has('errcode', 88) && signs.has('sub_code', 40014, 42001))
  return register(fetcher, { identity: `dingtalk:${appKey}`, isDead }, options)
}
