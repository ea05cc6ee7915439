import { createDog, memoryStore } from 'dotdog'
import { exchange, HttpFailure, undiciClient } from '../../../core/shared/upstream/http.js'
import { keysOf } from '../../configuration/accounts.js'
import type { ConfigurationFile } from '../../configuration/file/configuration.js'
import type { AccountFact, ClockFact } from './facts.js'

/**
 * What the upstreams say of this machine: their time, and whether WeChat takes calls from here. No
 * secret is sent, and no token can come of it.
 */

const REQUEST_TIMEOUT_MS = 7000
const MAX_ANSWER_BYTES = 1_048_576
/** More upstreams say nothing new of a clock. */
const MAX_ORIGINS = 4
const MAX_ACCOUNTS = 4
const WECHAT_ORIGIN = 'https://api.weixin.qq.com'

interface Account {
  appId: string
  baseUrl: string
}

function accountsOf(data: ConfigurationFile): Account[] {
  const found = new Map<string, Account>()
  for (const entry of Object.values(keysOf(data, data.wechat))) {
    const { appId, baseUrl = WECHAT_ORIGIN } = Object(Object(entry).wechat) as Partial<Account>
    if (typeof appId === 'string' && typeof baseUrl === 'string') found.set(appId, { appId, baseUrl })
  }
  return [...found.values()].slice(0, MAX_ACCOUNTS)
}

/** The addresses of upstreams that the configuration names, without paths: these may be secrets. */
function originsOf(data: ConfigurationFile): string[] {
  const urls = accountsOf(data).map(({ baseUrl }) => baseUrl)
  for (const entry of Object.values(keysOf(data, data.wechat))) {
    for (const kind of Object.values(Object(entry))) {
      const { url, tokenUrl, issuer } = Object(kind) as Record<string, unknown>
      urls.push(...[url, tokenUrl, issuer].filter((one) => typeof one === 'string'))
    }
  }
  const origins = urls.filter((url) => URL.canParse(url)).map((url) => new URL(url).origin)
  return [...new Set(origins)].slice(0, MAX_ORIGINS)
}

export const clockFacts = (data: ConfigurationFile): Promise<ClockFact[]> => Promise.all(originsOf(data).map(clockAt))

async function clockAt(origin: string): Promise<ClockFact> {
  const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
  const sentAt = Date.now()
  try {
    const request = { method: 'HEAD', url: `${origin}/`, signal, maxBytes: MAX_ANSWER_BYTES }
    const { headers } = await exchange(request, undiciClient)
    const date = Date.parse(headers.date ?? '')
    if (Number.isNaN(date)) return { origin, aheadMs: undefined, problem: undefined }
    return { origin, aheadMs: aheadOf(sentAt, Date.now(), date), problem: undefined }
  } catch (error) {
    return { origin, aheadMs: undefined, problem: error instanceof HttpFailure ? error.message : 'there was no answer' }
  }
}

/** The header has whole seconds, rounded down, and was written between the two times. 0: it may be right. */
export function aheadOf(sentAt: number, receivedAt: number, date: number): number {
  if (sentAt > date + 1000) return sentAt - date - 1000
  return receivedAt < date ? receivedAt - date : 0
}

export const accountFacts = (data: ConfigurationFile): Promise<AccountFact[]> => Promise.all(accountsOf(data).map(askAs))

/** The platform looks at the address of a caller before it misses a secret, and gives no token without one. */
const SECRET_MISSING = 41004
const BUSY = -1

async function askAs({ appId, baseUrl }: Account): Promise<AccountFact> {
  const { wechat } = await import('dotdog/wechat')
  const fact: AccountFact = {
    appId,
    origin: new URL(baseUrl).origin,
    isAllowed: true,
    errcode: undefined,
    ip: undefined,
    message: undefined,
    hint: undefined,
    hintZh: undefined,
  }
  const dog = createDog({ store: memoryStore() })
  const account = wechat({ appId, appSecret: 'none', baseUrl, dog, timeout: REQUEST_TIMEOUT_MS / 1000 })
  const query = { grant_type: 'client_credential', appid: appId, secret: '' }
  try {
    await account.call('/cgi-bin/token', { token: false, query })
    return fact
  } catch (error) {
    const { errcode, ip, message, hint, hintZh } = error as Partial<AccountFact> & { message: string }
    if (errcode === SECRET_MISSING || errcode === BUSY) return { ...fact, errcode }
    return { ...fact, isAllowed: false, errcode, ip, message, hint, hintZh }
  }
}
