// The files in which other programs keep their tokens, by the members that each has.

/** A value that another program kept. */
export interface ImportedValue {
  key: string
  value: unknown
  /** Epoch milliseconds. It may be over. */
  expiresAt: number
}

type Members = Readonly<Record<string, unknown>>

/** One kind of file. `values` is undefined for a file of another kind. */
export interface Shape {
  /** The program that writes it. */
  name: string
  values(members: Members, fileName: string): ImportedValue[] | undefined
}

/** A smaller number is no time in epoch milliseconds: it is a lifetime in seconds, or a time in seconds. */
const MIN_EPOCH_MS = 1e11
/** What wechat-jssdk takes for the lifetime of a token, whose own one it does not keep. */
const JSSDK_TOKEN_S = 7200
/** The platform does not say how long a ticket still lives: it may be of another program. */
const TICKET_S = 3600

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
const isEpochMs = (value: unknown): value is number => typeof value === 'number' && value >= MIN_EPOCH_MS

/** A token and a ticket that one file may have, each with the same end. */
function tokenAndTicket(token: unknown, ticket: unknown, expiresAt: unknown): ImportedValue[] | undefined {
  if (!isEpochMs(expiresAt)) return undefined
  const found: ImportedValue[] = []
  if (isText(token)) found.push({ key: 'ACCESS_TOKEN', value: token, expiresAt })
  if (isText(ticket)) found.push({ key: 'JSAPI_TICKET', value: ticket, expiresAt })
  return found.length === 0 ? undefined : found
}

const guardDog: Shape = {
  name: 'guard_dog',
  values({ data, expires_in: lifetime = 0, gen_time: made }, fileName) {
    const seconds = typeof lifetime === 'number' || typeof lifetime === 'string' ? Number(lifetime) : Number.NaN
    if (data === undefined || data === null || !isEpochMs(made) || !(seconds >= 0)) return undefined
    return [{ key: fileName.replace(/\.dog$/, ''), value: data, expiresAt: made + seconds * 1000 }]
  },
}

const coWechatApi: Shape = {
  name: 'co-wechat-api',
  values: ({ accessToken, ticket, expireTime }) => tokenAndTicket(accessToken, ticket, expireTime),
}

const tnwx: Shape = {
  name: 'tnwx',
  values: ({ access_token: token, ticket, expired_time: end }) => tokenAndTicket(token, ticket, end),
}

/** Its `expires_in` is the end in epoch milliseconds. An upstream's own answer, in seconds, does not say when it came. */
const tutorial: Shape = {
  name: 'the wechat.txt of tutorials',
  values: ({ access_token: token, ticket, expires_in: end }) => tokenAndTicket(token, ticket, end),
}

const wechatJssdk: Shape = {
  name: 'wechat-jssdk',
  values({ globalToken, card }) {
    const { accessToken, jsapi_ticket: ticket, modifyDate } = Object(globalToken) as Members
    const made = Date.parse(String(modifyDate))
    if (Number.isNaN(made) || !isText(accessToken)) return undefined
    const values: ImportedValue[] = [{ key: 'ACCESS_TOKEN', value: accessToken, expiresAt: made + JSSDK_TOKEN_S * 1000 }]
    if (isText(ticket)) values.push({ key: 'JSAPI_TICKET', value: ticket, expiresAt: made + TICKET_S * 1000 })
    const { ticket: cardTicket, modifyDate: cardDate } = Object(card) as Members
    const cardMade = Date.parse(String(cardDate))
    if (isText(cardTicket) && !Number.isNaN(cardMade)) {
      values.push({ key: 'CARD_TICKET', value: cardTicket, expiresAt: cardMade + TICKET_S * 1000 })
    }
    return values
  },
}

/** The name of a file of node-easywechat says what it has; that of a token also has the app secret in it. */
const EASYWECHAT_NAME = /^official_account\.(access_token\.[^.]+\..*\.([01])|jsapi_ticket\.[^.]+)\.cache$/

const nodeEasywechat: Shape = {
  name: 'node-easywechat',
  values({ data, lifeTime }, fileName) {
    const match = EASYWECHAT_NAME.exec(fileName)
    if (match === null || !isText(data) || typeof lifeTime !== 'number' || !(lifeTime > 0)) return undefined
    const key = match[1]!.startsWith('jsapi') ? 'JSAPI_TICKET' : match[2] === '1' ? 'ACCESS_TOKEN_STABLE' : 'ACCESS_TOKEN'
    return [{ key, value: data, expiresAt: lifeTime * 1000 }]
  },
}

export const SHAPES: readonly Shape[] = [guardDog, coWechatApi, tnwx, tutorial, wechatJssdk, nodeEasywechat]
