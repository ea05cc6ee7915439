// An account: its secrets, and what is done with them. Everything secret lives in closures, so that no inspection of the
// returned object shows it.
import type { Secret } from 'dotdog'
import { type CallOptions, checkCall } from './api/call.js'
import { type Account, callWith } from './api/endpoints.js'
import { registerSecrets } from './keys.js'
import { checkOptions, type WeChatOptions } from './options.js'
import { type CardChoice, type CardExtInput, type ChooseCardInput, cardChoiceOf, cardExtOf, checkCard } from './signing/card.js'
import { type JsapiSignature, pageUrl, signJsapi } from './signing/jsapi.js'

/** What `wx.config` needs, beside `jsApiList`. */
export interface JsapiConfig extends JsapiSignature {
  appId: string
}

export interface WeChat {
  /** The key `ACCESS_TOKEN`, or `ACCESS_TOKEN_STABLE` of a `stable` account. */
  readonly accessToken: Secret<string>
  /** The key `JSAPI_TICKET`; asked for again after an hour at most, because the platform does not tell what remains of it. */
  readonly jsapiTicket: Secret<string>
  /** The key `CARD_TICKET`, for cards; as the other ticket, and not interchangeable with it. */
  readonly cardTicket: Secret<string>
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
  /**
   * The `cardExt` of a card for `wx.addCard`, a JSON text.
   *
   * @throws TypeError without a `cardId`, or for a wrong member.
   * @throws DogError if there is no ticket to be had.
   * @example wx.addCard({ cardList: [{ cardId, cardExt: await wx.cardExt({ cardId, code }) }] })
   */
  cardExt(card: CardExtInput): Promise<string>
  /**
   * The argument of `wx.chooseCard`, which lets the user choose one of the cards they have.
   *
   * @throws TypeError for a wrong member.
   * @throws DogError if there is no ticket to be had.
   * @example wx.chooseCard({ ...(await wx.chooseCard({ cardType: 'GROUPON' })), success })
   */
  chooseCard(choice?: ChooseCardInput): Promise<CardChoice>
}

/**
 * Registers the secrets of a WeChat account (official account or mini program) with a dog. Fetches nothing.
 *
 * @throws TypeError for a wrong option, and for a second account in one dog without a `prefix` of its own.
 * @example
 * const { wechat } = require('dotdog/wechat')
 *
 * const wx = wechat({ appId: process.env.WX_APPID, appSecret: process.env.WX_APPSECRET })
 * const config = await wx.signUrl('https://example.com/page?id=1')
 */
export function wechat(options: WeChatOptions): WeChat {
  const checked = checkOptions(options)
  const { appId, appSecret, baseUrl, timeout } = checked
  const account: Account = { appId, appSecret, baseUrl }
  const { accessToken, jsapiTicket, cardTicket } = registerSecrets(checked, account)

  return Object.freeze({
    accessToken,
    jsapiTicket,
    cardTicket,
    async call<T>(path: string, callOptions?: CallOptions): Promise<T> {
      const call = checkCall(path, callOptions)
      const answer = await accessToken.use((token) => callWith(account, token, call, AbortSignal.timeout(timeout * 1000)))
      return answer as T
    },
    async signUrl(url: string): Promise<JsapiConfig> {
      const page = pageUrl(url)
      return { appId, ...signJsapi({ ticket: await jsapiTicket.get(), url: page }) }
    },
    async cardExt(card: CardExtInput): Promise<string> {
      checkCard(card, ['cardId'])
      return cardExtOf(await cardTicket.get(), card)
    },
    async chooseCard(choice: ChooseCardInput = {}): Promise<CardChoice> {
      checkCard(choice)
      return cardChoiceOf(await cardTicket.get(), appId, choice)
    },
  })
}
