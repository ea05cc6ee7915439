// The card signatures, as pure functions of their input: the values in order, without names and
// separators.
import { createHash } from 'node:crypto'
import { ANYTHING, checkObject, checkOptions, checkValue, type Rule, type Rules, required } from '../../core/shared/validate.js'
import { checkTimestamp, epochSeconds, randomNonce, TICKET } from './jsapi.js'

/**
 * What a card signature is made of. Absent and empty members are left out, as the platform leaves
 * them out.
 */
export interface SignCardInput {
  /** The `wx_card` ticket, never the `jsapi` ticket. */
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
  /** For `wx.chooseCard`: the platform's `location_id`. */
  shopId?: string
  /** For `wx.chooseCard`, such as `GROUPON`. */
  cardType?: string
}

export interface CardSignature {
  nonceStr: string
  /** Epoch seconds: as given, else a number. */
  timestamp: number | string
  signature: string
}

/** The members of `wx.addCard`, except for the ticket. */
export interface CardExtInput extends Pick<SignCardInput, 'nonceStr' | 'timestamp' | 'code' | 'openid'> {
  cardId: string
  /** Not signed. */
  fixedBeginTimestamp?: number | string
  /** Not signed. */
  outerStr?: string
}

/** The members of `wx.chooseCard`, except for the ticket and the account. */
export type ChooseCardInput = Pick<SignCardInput, 'nonceStr' | 'timestamp' | 'shopId' | 'cardType' | 'cardId'>

/** The argument of `wx.chooseCard`, except for its callbacks. */
export interface CardChoice {
  shopId: string
  cardType: string
  cardId: string
  timestamp: number | string
  nonceStr: string
  signType: 'SHA1'
  cardSign: string
}

/**
 * An empty string is left out of a signature, so it is allowed. The values may be secrets, such as
 * the code of a card.
 */
const STRING: Rule = { test: (value: unknown) => typeof value === 'string', rule: 'must be a string', isSecret: true }

const SIGNED: Rules = {
  nonceStr: STRING,
  cardId: STRING,
  code: STRING,
  openid: STRING,
  appId: STRING,
  shopId: STRING,
  cardType: STRING,
}
/** `checkTimestamp` checks the time. The last two are not signed. */
const KNOWN: Rules = { ...SIGNED, timestamp: ANYTHING, ticket: ANYTHING, fixedBeginTimestamp: ANYTHING, outerStr: ANYTHING }

/**
 * Checks the argument of `cardExt` or `chooseCard`, before a ticket is fetched for it.
 *
 * @throws TypeError for an unknown or wrong member, or a missing one.
 */
export function checkCardOptions(subject: string, input: unknown, needed: readonly string[] = []): void {
  checkCard(checkOptions(subject, input, KNOWN), needed)
}

/**
 * @throws TypeError for a wrong or missing member. Unknown members are not signed, and are ignored.
 */
export function checkCard(input: unknown, needed: readonly string[] = []): void {
  checkObject('a card', input)
  for (const [name, rule] of Object.entries(SIGNED)) checkValue(name, input[name], rule)
  for (const name of needed) {
    checkValue(name, input[name], required({ ...STRING, test: Boolean, rule: 'must be a non-empty string' }))
  }
  if (input.timestamp !== undefined) checkTimestamp(input.timestamp)
}

/**
 * Signs a card for `wx.addCard` (ticket, timestamp, nonce, cardId, code, openid) or `wx.chooseCard`
 * (ticket, timestamp, nonce, appId, shopId, cardId, cardType). The rule is the same for both: all
 * members that are given are signed.
 *
 * @throws TypeError for a missing ticket or a wrong member. There is never a signature over
 *   "undefined".
 * @example signCard({ ticket, cardId, code, nonceStr, timestamp }).signature
 */
export function signCard(input: SignCardInput): CardSignature {
  checkCard(input)
  const { ticket, nonceStr = randomNonce(), timestamp = epochSeconds() } = input
  checkValue('ticket', ticket, TICKET)
  const { cardId, code, openid, appId, shopId, cardType } = input
  const values = [ticket, String(timestamp), nonceStr, cardId, code, openid, appId, shopId, cardType]
  // Sorted by bytes: JavaScript's own sort has another order beyond the basic multilingual plane.
  const sorted = values.flatMap((value) => (value ? [Buffer.from(value)] : [])).sort(Buffer.compare)
  return { nonceStr, timestamp, signature: createHash('sha1').update(Buffer.concat(sorted)).digest('hex') }
}

/** The `cardExt` of `wx.addCard`, which is JSON text. */
export function cardExtOf(ticket: string, card: CardExtInput): string {
  const { code, openid, fixedBeginTimestamp, outerStr } = card
  const { timestamp, nonceStr, signature } = signCard({ ...card, ticket, ...NOT_SIGNED_BY_ADD })
  return JSON.stringify({
    code,
    openid,
    // The platform requires a string here.
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
