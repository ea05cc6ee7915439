// The card signatures, as pure functions of their input: the values in order, without names and separators.
import { createHash, randomBytes } from 'node:crypto'
import { checkTimestamp } from './jsapi.js'

/** What a card signature is made of. Absent and empty members are left out, as the platform leaves them out. */
export interface SignCardInput {
  /** The `wx_card` ticket, never the `jsapi` one. */
  ticket: string
  /** Default: 16 random characters. */
  nonceStr?: string
  /** Epoch seconds. Default: now. */
  timestamp?: number | string
  cardId?: string
  /** For `wx.addCard`. */
  code?: string
  /** For `wx.addCard`. */
  openid?: string
  /** For `wx.chooseCard`. */
  appId?: string
  /** For `wx.chooseCard`; the platform's `location_id`. */
  shopId?: string
  /** For `wx.chooseCard`, such as `GROUPON`. */
  cardType?: string
}

export interface CardSignature {
  nonceStr: string
  /** Epoch seconds; as given, a number if it was not. */
  timestamp: number | string
  signature: string
}

/** The members of `wx.addCard`, beside the ticket. */
export interface CardExtInput extends Pick<SignCardInput, 'nonceStr' | 'timestamp' | 'code' | 'openid'> {
  cardId: string
  /** Not signed. */
  fixedBeginTimestamp?: number | string
  /** Not signed. */
  outerStr?: string
}

/** The members of `wx.chooseCard`, beside the ticket and the account. */
export type ChooseCardInput = Pick<SignCardInput, 'nonceStr' | 'timestamp' | 'shopId' | 'cardType' | 'cardId'>

/** What `wx.chooseCard` takes, beside its callbacks. */
export interface CardChoice {
  shopId: string
  cardType: string
  cardId: string
  timestamp: number | string
  nonceStr: string
  signType: 'SHA1'
  cardSign: string
}

const MEMBERS = ['nonceStr', 'cardId', 'code', 'openid', 'appId', 'shopId', 'cardType'] as const

/** @throws TypeError for a member that is no text. Before a ticket is fetched for it. */
export function checkCard(input: unknown, needed: readonly string[] = []): void {
  if (typeof input !== 'object' || input === null) throw new TypeError('a card must be an object, like { cardId }')
  const given = input as Record<string, unknown>
  for (const name of MEMBERS) {
    const value = given[name]
    if (typeof value !== 'string' && value !== undefined) {
      throw new TypeError(`${name} must be a string; got a value of type ${typeof value}`)
    }
    if (needed.includes(name) && !value) throw new TypeError(`${name} must be a non-empty string; got ${typeof value}`)
  }
  if (given.timestamp !== undefined) checkTimestamp(given.timestamp)
}

/**
 * Signs a card for `wx.addCard` (ticket, timestamp, nonce, cardId, code, openid) or `wx.chooseCard` (ticket, timestamp, nonce,
 * appId, shopId, cardId, cardType): the rule is the same, whatever is given is signed.
 *
 * @throws TypeError for a missing ticket or a wrong member: never a signature over "undefined".
 * @example signCard({ ticket, cardId, code, nonceStr, timestamp }).signature
 */
export function signCard(input: SignCardInput): CardSignature {
  checkCard(input)
  const { ticket, nonceStr = randomBytes(8).toString('hex'), timestamp = Math.floor(Date.now() / 1000) } = input
  // The value is a secret, so that only its type is told.
  if (typeof ticket !== 'string' || ticket.trim() === '') {
    throw new TypeError(`ticket must be a non-empty string; got ${typeof ticket === 'string' ? 'an empty one' : typeof ticket}`)
  }
  const { cardId, code, openid, appId, shopId, cardType } = input
  const values = [ticket, String(timestamp), nonceStr, cardId, code, openid, appId, shopId, cardType]
  // By bytes: the order of JavaScript's own sort is another one beyond the basic plane.
  const sorted = values.flatMap((value) => (value ? [Buffer.from(value)] : [])).sort(Buffer.compare)
  return { nonceStr, timestamp, signature: createHash('sha1').update(Buffer.concat(sorted)).digest('hex') }
}

/** The `cardExt` of `wx.addCard`: a JSON text. */
export function cardExtOf(ticket: string, card: CardExtInput): string {
  const { code, openid, fixedBeginTimestamp, outerStr } = card
  const { timestamp, nonceStr, signature } = signCard({ ...card, ticket, ...NOT_SIGNED_BY_ADD })
  return JSON.stringify({
    code,
    openid,
    // The platform wants it as a text.
    timestamp: String(timestamp),
    nonce_str: nonceStr,
    fixed_begintimestamp: fixedBeginTimestamp,
    outer_str: outerStr,
    signature,
  })
}

/** Members of the other form would change the signature, but not what the page sends. */
const NOT_SIGNED_BY_ADD = { appId: undefined, shopId: undefined, cardType: undefined }
const NOT_SIGNED_BY_CHOOSE = { code: undefined, openid: undefined }

/** The argument of `wx.chooseCard`. */
export function cardChoiceOf(ticket: string, appId: string, choice: ChooseCardInput): CardChoice {
  const { shopId = '', cardType = '', cardId = '' } = choice
  const { timestamp, nonceStr, signature } = signCard({ ...choice, ticket, appId, ...NOT_SIGNED_BY_CHOOSE })
  return { shopId, cardType, cardId, timestamp, nonceStr, signType: 'SHA1', cardSign: signature }
}
