import type { KeyOptions } from 'dotdog'
import { PERMANENT } from '../lib/errors.js'
import { checkId, checkObject, checkOneOf, checkSecret, checkUrl } from '../lib/options.js'
import { type Answer, each, fetcherOf, lasting, postJson, type Registration, refusalOf, register } from '../lib/provider.js'

export interface DouyinOptions {
  clientKey: string
  clientSecret: string
  /** Uses the stable token: asking for one kills no other. Default false. */
  stable?: boolean
  /** Default `https://open.douyin.com`; a proxy's path is kept. */
  baseUrl?: string
}

const dataOf = ({ data }: Answer): Answer => (typeof data === 'object' && data !== null ? (data as Answer) : {})

/** More than 500 calls in five minutes are refused. */
const FIVE_MINUTES = 300

/**
 * Douyin (抖音), client token. Asking again returns a **new** token, and only the newest two live, the older for five minutes:
 * one fetch for all is what dotdog is for. With `stable`, asking again returns the **same** token.
 *
 * @example
 * init('DOUYIN_TOKEN', ...douyin({ clientKey, clientSecret }))
 * init('DOUYIN_STABLE_TOKEN', ...douyin({ clientKey, clientSecret, stable: true }))
 */
export function douyin(account: DouyinOptions, options?: KeyOptions): Registration {
  const { clientKey, clientSecret, stable = false, baseUrl = 'https://open.douyin.com' } = checkObject('douyin', account)
  checkOneOf('stable', stable, [true, false])
  const url = `${checkUrl('baseUrl', baseUrl)}/oauth/${stable ? 'stable_client_token' : 'client_token'}/`
  const body = {
    client_key: checkId('clientKey', clientKey),
    client_secret: checkSecret('clientSecret', clientSecret),
    grant_type: 'client_credential',
  }
  const fetcher = fetcherOf({
    provider: 'Douyin',
    secrets: [clientSecret],
    request: () => postJson(url, body),
    refusal: (answer) => refusalOf(dataOf(answer).error_code, dataOf(answer).description),
    result: (answer) => lasting(dataOf(answer).access_token, dataOf(answer).expires_in),
    waits: { ...each(PERMANENT, 10002, 10003, 10013), ...each(FIVE_MINUTES, 10020) },
  })
  // The code stands in `data` or, in newer answers, beside it as err_no. Which it is was not verified: isRejected may be given.
  const known = [10008, 2190002, 2190008, 28001003, 28001008]
  const identity = `douyin:${clientKey}${stable ? '/stable' : ''}`
  return register(
    fetcher,
    { identity, isDead: (signs) => signs.has('error_code', ...known) || signs.has('err_no', ...known) },
    options,
  )
}
