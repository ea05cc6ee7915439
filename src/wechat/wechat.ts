// An account: its two secrets, and what is done with them. Everything secret lives in closures, so that no inspection of
// the returned object shows it.
import { type Dog, init, type Secret } from 'dotdog'
import { type CallOptions, checkCall } from './call.js'
import { checkOptions, type WeChatOptions } from './options.js'
import { type JsapiSignature, pageUrl, signJsapi } from './sign.js'
import { type Account, callWith, fetchTicket, fetchToken } from './upstream.js'

/** What `wx.config` needs, beside `jsApiList`. */
export interface JsapiConfig extends JsapiSignature {
  appId: string
}

export interface WeChat {
  /** The key `ACCESS_TOKEN`. */
  readonly accessToken: Secret<string>
  /** The key `JSAPI_TICKET`; asked for again after an hour at most, because the platform does not tell what remains of it. */
  readonly jsapiTicket: Secret<string>
  /**
   * Calls a path of the platform with the token. If the platform says that the token is dead (40001, 40014, 42001), replaces
   * it unless somebody already has, and calls once more. The answer is its JSON object.
   *
   * @throws TypeError for a wrong argument.
   * @throws WeChatError for an errcode, a time-out, or an answer that is not a JSON object.
   * @throws DogError if there is no token to be had.
   * @example await wx.call('/cgi-bin/user/info', { query: { openid, lang: 'zh_CN' } })
   * @example await wx.call('/cgi-bin/message/custom/send', { body: { touser, msgtype: 'text', text: { content } } })
   */
  call<T = Record<string, unknown>>(path: string, options?: CallOptions): Promise<T>
  /**
   * Signs a page's address for `wx.config`.
   *
   * @param url the page's whole address, decoded once; what follows `#` is cut off.
   * @throws TypeError if it is not an absolute http(s) address.
   * @throws DogError if there is no ticket to be had: never a signature over "undefined".
   * @example wx.config({ ...(await wx.signUrl(url)), jsApiList: ['scanQRCode'] })
   */
  signUrl(url: string): Promise<JsapiConfig>
}

const deadToken = new Set<unknown>([40001, 40014, 42001])

/**
 * Whether an error says that this account's token is dead. By shape and not by class, so that the errors of a task that uses
 * an HTTP client of its own count too. A token endpoint's 40001 means a wrong AppSecret and is `permanent`.
 */
function tokenIsDead(error: unknown, appId: string): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { errcode, kind = 'rejected', appId: whose = appId } = error as { errcode?: unknown; kind?: unknown; appId?: unknown }
  return deadToken.has(errcode) && kind === 'rejected' && whose === appId
}

/**
 * Registers the secrets of a WeChat account with a dog: `ACCESS_TOKEN` and `JSAPI_TICKET`. Fetches nothing.
 *
 * @throws TypeError for a wrong option, and for a second account in one dog without a `prefix` of its own.
 * @example
 * const { wechat } = require('dotdog/wechat')
 *
 * const wx = wechat({ appId: process.env.WX_APPID, appSecret: process.env.WX_APPSECRET })
 * const config = await wx.signUrl('https://example.com/page?id=1')
 */
export function wechat(options: WeChatOptions): WeChat {
  const { appId, appSecret, baseUrl, dog, prefix, timeout } = checkOptions(options)
  const account: Account = { appId, appSecret, baseUrl }
  const register: Dog['init'] = dog === undefined ? init : dog.init.bind(dog)
  const tokenKey = `${prefix}ACCESS_TOKEN`
  const ticketKey = `${prefix}JSAPI_TICKET`

  const accessToken = register<string>(tokenKey, ({ signal }) => fetchToken(account, signal), {
    identity: appId,
    timeout,
    isRejected: (error) => tokenIsDead(error, appId),
  })
  // The retry of a fetch that depends on the token lives in context.use, and nowhere else.
  const jsapiTicket = register<string>(
    ticketKey,
    (context) => context.use(tokenKey, (token: string) => fetchTicket(account, token, context.signal)),
    { identity: appId, timeout },
  )

  return Object.freeze({
    accessToken,
    jsapiTicket,
    async call<T>(path: string, callOptions?: CallOptions): Promise<T> {
      const call = checkCall(path, callOptions)
      const answer = await accessToken.use((token) => callWith(account, token, call, AbortSignal.timeout(timeout * 1000)))
      return answer as T
    },
    async signUrl(url: string): Promise<JsapiConfig> {
      const page = pageUrl(url)
      return { appId, ...signJsapi({ ticket: await jsapiTicket.get(), url: page }) }
    },
  })
}
