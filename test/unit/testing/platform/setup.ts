// A pure platform with two accounts, a clock that stands still, and the requests that most tests make.
import type { Account } from '../../../../src/testing/model/account.js'
import type { SomeRules } from '../../../../src/testing/model/rules.js'
import { createPlatform } from '../../../../src/testing/platform/platform.js'

export const a = { appId: 'wxa', appSecret: 'sa' }
export const b = { appId: 'wxb', appSecret: 'sb' }

/** Eight in the morning in Beijing. */
export const start = Date.parse('2026-03-01T00:00:00Z')

export function platform(rules: SomeRules = {}, accounts: readonly Account[] = [a, b]) {
  let time = start
  const it = createPlatform(accounts, { now: () => time, ...rules })

  const ask = (method: string, path: string, query: Record<string, string>, body = '', ip = '10.0.0.7') =>
    it.answer({ method, path, query: new URLSearchParams(query), body, ip })
  const post = (path: string, body: unknown, query: Record<string, string> = {}, ip?: string) =>
    ask('POST', path, query, typeof body === 'string' ? body : JSON.stringify(body), ip)

  /** The whole answer of the classic endpoint. */
  const fetchToken = ({ appId, appSecret } = a, ip?: string) =>
    ask('GET', '/cgi-bin/token', { grant_type: 'client_credential', appid: appId, secret: appSecret }, '', ip)
  const fetchStable = (force = false, { appId, appSecret } = a, ip?: string) => {
    const body = { grant_type: 'client_credential', appid: appId, secret: appSecret, force_refresh: force }
    return post('/cgi-bin/stable_token', body, {}, ip)
  }
  const fetchTicket = (access_token: string, type = 'jsapi') => ask('GET', '/cgi-bin/ticket/getticket', { access_token, type })

  return {
    ...{ it, ask, post, fetchToken, fetchStable, fetchTicket },
    token: (account = a) => fetchToken(account).body.access_token as string,
    stable: (account = a) => fetchStable(false, account).body.access_token as string,
    probe: (access_token: string) => ask('GET', '/cgi-bin/getcallbackip', { access_token }).errcode,
    wait: (seconds: number) => void (time += seconds * 1000),
    /** To the moment that many seconds after the start. */
    at: (seconds: number) => void (time = start + seconds * 1000),
  }
}
