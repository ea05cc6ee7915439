import type { KeyOptions } from 'dotdog'
import { PERMANENT } from '../lib/errors.js'
import { checkId, checkObject, checkSecret, checkUrl } from '../lib/options.js'
import { each, fetcherOf, lasting, postJson, type Registration, refusalOf, register } from '../lib/provider.js'

export interface QQBotOptions {
  appId: string
  clientSecret: string
  /** Default `https://bots.qq.com`; a proxy's path is kept. */
  baseUrl?: string
}

/** In its last 60 seconds asking returns a new token, before that the same one: earlier would be in vain. */
const AHEAD = 50

/**
 * A bot of QQ; its requests carry `Authorization: QQBot <token>`. Asking again returns the **same** token until 60 seconds
 * before its end, then a new one, and both are valid: its `ahead` is 50 seconds. (Its lifetime comes as a text.)
 *
 * @example
 * init('QQ_BOT_TOKEN', ...qqBot({ appId, clientSecret }))
 */
export function qqBot(account: QQBotOptions, options?: KeyOptions): Registration {
  const { appId, clientSecret, baseUrl = 'https://bots.qq.com' } = checkObject('qqBot', account)
  const base = checkUrl('baseUrl', baseUrl)
  const body = { appId: checkId('appId', appId), clientSecret: checkSecret('clientSecret', clientSecret) }
  const fetcher = fetcherOf({
    provider: 'QQ bot',
    secrets: [clientSecret],
    request: () => postJson(`${base}/app/getAppAccessToken`, body),
    refusal: (answer) => refusalOf(answer.code, answer.message),
    result: (answer) => lasting(answer.access_token, answer.expires_in),
    waits: each(PERMANENT, 10004, 100001, 100007, 100016),
  })
  const isDead: Parameters<typeof register>[1]['isDead'] = (signs) => signs.status === 401 || signs.has('code', 11244)
  return register(fetcher, { identity: `qq-bot:${appId}`, ahead: AHEAD, isDead }, options)
}
