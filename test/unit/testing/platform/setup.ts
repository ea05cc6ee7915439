/** A platform with two accounts, a simulated clock, and the requests that most tests make. */
import type { Account } from '../../../../src/testing/model/account.js'
import type { PartialRules } from '../../../../src/testing/model/rules.js'
import { createPlatform } from '../../../../src/testing/platform/platform.js'

export const a = { appId: 'wxa', appSecret: 'sa' }
export const b = { appId: 'wxb', appSecret: 'sb' }

/** 8:00 in Beijing, in epoch milliseconds. */
export const START_MS = Date.parse('2026-03-01T00:00:00Z')

export function setUp(rules: PartialRules = {}, accounts: readonly Account[] = [a, b]) {
  let time = START_MS
  const platform = createPlatform(accounts, { now: () => time, ...rules })

  const ask = (method: string, path: string, query: Record<string, string>, body = '', ip = '10.0.0.7') =>
    platform.respond({ method, path, query: new URLSearchParams(query), body, ip })
  const post = (path: string, body: unknown, query: Record<string, string> = {}, ip?: string) =>
    ask('POST', path, query, typeof body === 'string' ? body : JSON.stringify(body), ip)

  /** A request to the classic token endpoint. */
  const fetchToken = ({ appId, appSecret } = a, ip?: string) =>
    ask('GET', '/cgi-bin/token', { grant_type: 'client_credential', appid: appId, secret: appSecret }, '', ip)
  const fetchStable = (force = false, { appId, appSecret } = a, ip?: string) => {
    const body = { grant_type: 'client_credential', appid: appId, secret: appSecret, force_refresh: force }
    return post('/cgi-bin/stable_token', body, {}, ip)
  }
  const fetchTicket = (access_token: string, type = 'jsapi') => ask('GET', '/cgi-bin/ticket/getticket', { access_token, type })

  return {
    platform,
    ask,
    post,
    fetchToken,
    fetchStable,
    fetchTicket,
    /** A new classic token. */
    token: (account = a) => fetchToken(account).body.access_token as string,
    /** The stable token. */
    stable: (account = a) => fetchStable(false, account).body.access_token as string,
    /** The errcode of a business call with this token; 0 if it is served. */
    probe: (access_token: string) => ask('GET', '/cgi-bin/getcallbackip', { access_token }).errcode,
    /** Moves the clock forward. */
    advance: (seconds: number) => void (time += seconds * 1000),
    /** Sets the clock to this many seconds after START_MS. */
    setTime: (seconds: number) => void (time = START_MS + seconds * 1000),
  }
}
