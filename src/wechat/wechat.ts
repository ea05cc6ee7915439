// An account: its secrets, calls and signatures. Secrets are held in closures only, so that
// inspecting the returned object shows none of them.
import type { Readable } from 'node:stream'
import type { Secret } from 'dotdog'
import type { CallOptions } from './api/call.js'
import type { Account } from './api/endpoints.js'
import { withWeChatErrors } from './api/failed-fetch.js'
import { createCall } from './api/run-call.js'
import { registerSecrets } from './keys.js'
import { checkWeChatOptions, type WeChatOptions } from './options.js'
import {
  type CardChoice,
  type CardExtInput,
  type ChooseCardInput,
  cardChoiceOf,
  cardExtOf,
  checkCardOptions,
} from './signing/card.js'
import { type JsapiSignature, pageUrl, signJsapi } from './signing/jsapi.js'

/** The argument of `wx.config`, except for `jsApiList`. */
export interface JsapiConfig extends JsapiSignature {
  appId: string
}

export interface WeChat {
  /** The key `ACCESS_TOKEN`, or `ACCESS_TOKEN_STABLE` of a `stable` account. */
  readonly accessToken: Secret<string>
  /**
   * The key `JSAPI_TICKET`. Fetched again after an hour at most, because the platform does not say
   * how long a ticket still lives.
   */
  readonly jsapiTicket: Secret<string>
  /**
   * The key `CARD_TICKET`, for cards. It lives as long as the JS-SDK ticket, and cannot replace it.
   */
  readonly cardTicket: Secret<string>
  /**
   * Calls a path of the platform with the token. If the platform says that the token is dead
   * (40001, 40014, 42001), `call` replaces the token, unless another caller already has, and calls
   * once more.
   *
   * @returns the platform's JSON object. An integer beyond ±(2^53 − 1), as some message ids are, is a
   *   string of its digits: a number would be another one. With `as` a Buffer or a stream.
   * @throws TypeError for a wrong argument.
   * @throws WeChatError for an errcode, a time-out, or a response that is not a JSON object, also if the platform
   *   refuses a token, to this process or to another.
   * @throws DogError if no token can be got for another reason.
   * @example await wx.call('/cgi-bin/user/info', { query: { openid, lang: 'zh_CN' } })
   * @example await wx.call('/cgi-bin/message/custom/send', { body: { touser, msgtype: 'text', text: { content } } })
   */
  call(path: string, options: CallOptions & { as: 'buffer' }): Promise<Buffer>
  call(path: string, options: CallOptions & { as: 'stream' }): Promise<Readable>
  call<T = Record<string, unknown>>(path: string, options?: CallOptions & { as?: 'json' }): Promise<T>
  /**
   * Signs the URL of a page for `wx.config`.
   *
   * @param url the whole URL of the page, decoded once. The fragment after `#` is cut off.
   * @throws TypeError if it is not an absolute http(s) URL.
   * @throws WeChatError if the platform refuses a ticket or a token, to this process or to another.
   * @throws DogError if no ticket can be got for another reason. There is never a signature over "undefined".
   * @example wx.config({ ...(await wx.signUrl(url)), jsApiList: ['scanQRCode'] })
   */
  signUrl(url: string): Promise<JsapiConfig>
  /**
   * Signs a card for `wx.addCard`. Returns its `cardExt`, which is JSON text.
   *
   * @throws TypeError without a `cardId`, or for an unknown or wrong member.
   * @throws WeChatError if the platform refuses a ticket or a token, to this process or to another.
   * @throws DogError if no ticket can be got for another reason.
   * @example wx.addCard({ cardList: [{ cardId, cardExt: await wx.cardExt({ cardId, code }) }] })
   */
  cardExt(card: CardExtInput): Promise<string>
  /**
   * Signs the argument of `wx.chooseCard`, which lets the user choose one of their cards.
   *
   * @param choice limits the cards to choose from. Default: all cards of the account.
   * @throws TypeError for an unknown or wrong member.
   * @throws WeChatError if the platform refuses a ticket or a token, to this process or to another.
   * @throws DogError if no ticket can be got for another reason.
   * @example wx.chooseCard({ ...(await wx.chooseCard({ cardType: 'GROUPON' })), success })
   */
  chooseCard(choice?: ChooseCardInput): Promise<CardChoice>
}

/**
 * Registers the secrets of a WeChat account (official account or mini program) with a dog. It
 * fetches nothing.
 *
 * @throws TypeError for an unknown or wrong option, and for a second account in one dog without a
 *   `prefix` of its own.
 * @example
 * const { wechat } = require('dotdog/wechat')
 *
 * const wx = wechat({ appId: process.env.WX_APPID, appSecret: process.env.WX_APPSECRET })
 * const config = await wx.signUrl('https://example.com/page?id=1')
 */
export function wechat(options: WeChatOptions): WeChat {
  const checked = checkWeChatOptions(options)
  const { appId, appSecret, baseUrl, timeout } = checked
  const account: Account = { appId, appSecret, baseUrl }
  const { accessToken, jsapiTicket, cardTicket } = registerSecrets(checked, account)

  const currentValue = (secret: Secret<string>) => withWeChatErrors(secret.key, () => secret.get())

  return Object.freeze({
    accessToken,
    jsapiTicket,
    cardTicket,
    call: createCall(account, accessToken, timeout * 1000) as WeChat['call'],
    async signUrl(url: string): Promise<JsapiConfig> {
      const page = pageUrl(url)
      return { appId, ...signJsapi({ ticket: await currentValue(jsapiTicket), url: page }) }
    },
    async cardExt(card: CardExtInput): Promise<string> {
      checkCardOptions('cardExt', card, ['cardId'])
      return cardExtOf(await currentValue(cardTicket), card)
    },
    async chooseCard(choice: ChooseCardInput = {}): Promise<CardChoice> {
      checkCardOptions('chooseCard', choice)
      return cardChoiceOf(await currentValue(cardTicket), appId, choice)
    },
  })
}
