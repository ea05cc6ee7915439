import type { KeyOptions } from 'dotdog'
import { PERMANENT } from '../lib/errors.js'
import { checkId, checkObject, checkSecret, checkUrl } from '../lib/options.js'
import { each, fetcherOf, lasting, type Registration, refusalOf, register } from '../lib/provider.js'

export interface WeComOptions {
  corpId: string
  /** Of one app: each app of a company has a secret, and with it a token, of its own. */
  corpSecret: string
  /** Names the app, so that the tokens of two apps cannot be taken for each other. Goes into `identity` only. */
  agentId?: string | number
  /** Default `https://qyapi.weixin.qq.com`; a proxy's path is kept. */
  baseUrl?: string
}

/** A ban ends after an hour. */
const HOUR = 3600

/**
 * WeCom (企业微信). Asking again returns the **same** token while it lives. Repeated wrong secrets ban the address for an hour,
 * so that one keeps five minutes away.
 *
 * @example
 * init('WECOM_TOKEN', ...wecom({ corpId, corpSecret, agentId: 1000002 }))
 * await use('WECOM_TOKEN', async (token) => {
 *   const answer = await (await fetch(`https://qyapi.weixin.qq.com/cgi-bin/agent/list?access_token=${token}`)).json()
 *   if (answer.errcode !== 0) throw answer // 40014 and 42001: the token is replaced, and the task runs once more
 *   return answer
 * })
 */
export function wecom(account: WeComOptions, options?: KeyOptions): Registration {
  const { corpId, corpSecret, agentId, baseUrl = 'https://qyapi.weixin.qq.com' } = checkObject('wecom', account)
  const base = checkUrl('baseUrl', baseUrl)
  const query = new URLSearchParams({ corpid: checkId('corpId', corpId), corpsecret: checkSecret('corpSecret', corpSecret) })
  const fetcher = fetcherOf({
    provider: 'WeCom',
    secrets: [corpSecret],
    request: () => ({ method: 'GET', url: `${base}/cgi-bin/gettoken?${query}` }),
    refusal: (answer) => refusalOf(answer.errcode, answer.errmsg),
    result: (answer) => lasting(answer.access_token, answer.expires_in),
    waits: { ...each(5 * PERMANENT, 40001, 40013, 40091, 41004), ...each(PERMANENT, 60020), ...each(HOUR, 45009) },
  })
  const identity = `wecom:${corpId}${agentId === undefined ? '' : `/${agentId}`}`
  return register(fetcher, { identity, isDead: (signs) => signs.has('errcode', 40014, 42001) }, options)
}
