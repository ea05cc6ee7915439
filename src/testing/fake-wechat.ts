// The fake platform as a test uses it: the pure platform, its faults and the server, put together.
import { isIPv6 } from 'node:net'
import { createControl } from './http-control.js'
import { mintToken, type Standing, standings, type TicketType, type TokenFamily, ticketTypeOf } from './model/account.js'
import type { Counts } from './model/fake-request.js'
import { createFaults, type Endpoint, type Fault } from './model/faults.js'
import { checkIp, readWhitelist } from './model/ip-whitelist.js'
import type { LogEntry } from './model/request-log.js'
import { checkOptions, type FakeWeChatOptions } from './options.js'
import { createPlatform } from './platform/platform.js'
import { listen, type Wire } from './server.js'

export interface FakeWeChat {
  /** For the option `baseUrl` of `wechat()`. */
  readonly url: string
  /** The first account. */
  readonly appId: string
  readonly appSecret: string
  /** How often each endpoint was asked; counts on while you look. */
  readonly count: Readonly<Counts>
  /** Every request, without query and body; the last 10 000. */
  readonly log: readonly Readonly<LogEntry>[]
  /** `true`: the token endpoint answers with the token it has, dead or alive, as some upstreams do. Default false. */
  sameToken: boolean
  /** Where requests seem to come from; `undefined`: from where they come. Set it to move to another machine. */
  clientIp: string | undefined
  /** The platform's clock, epoch milliseconds. */
  now(): number
  /** Sets the platform's clock forward. Waits, such as `delay`, are not shortened. */
  advance(milliseconds: number): void
  /** All live tokens of an account die at once, of both families or of one. Default: the first account. */
  killToken(appId?: string, family?: TokenFamily): void
  /** All tickets of an account die at once; tokens do not. */
  killTicket(appId?: string): void
  /** The newest token of an account, dead or alive. Default: the first account, and its classic token. */
  currentToken(appId?: string, family?: TokenFamily): string | undefined
  /** A token that was made for something else, such as a web login: business calls answer 40014. */
  foreignToken(appId?: string): string
  /** Whether a page signed with this ticket is accepted now. Default: the first account, and its JS-SDK tickets. */
  acceptsTicket(ticket: string, appId?: string, type?: TicketType): boolean
  /** Replaces an account's whitelist, at once; `undefined`: every address may call. */
  setWhitelist(entries: readonly string[] | undefined, appId?: string): void
  /** Freezes an account, limits it, or makes it good again. */
  setStanding(standing: Standing, appId?: string): void
  /** Whether new addresses must be confirmed by the administrator (89503). */
  setRisk(enabled: boolean, appId?: string): void
  /** The administrator confirms the addresses that wait, or the one given. Answers which. */
  confirm(appId?: string, ip?: string): string[]
  /** The administrator refuses them: 89507 for an hour; the second time within a day, 89506 for a day. Answers which. */
  reject(appId?: string, ip?: string): string[]
  /** The next `times` requests to the endpoint go wrong; default: all, until `heal`. Faults ordered earlier go first. */
  fail(endpoint: Endpoint, fault: Fault, times?: number): void
  /** Takes back the faults of one endpoint, or all. */
  heal(endpoint?: Endpoint): void
  /** Cuts what is open and stops. The server keeps the process alive until then. */
  close(): Promise<void>
}

/** How a client on this machine writes an address to listen at. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return isIPv6(host) ? `[${host}]` : host
}

/**
 * Starts a WeChat platform of your own on the loopback interface: it rotates tokens, lets the replaced one live for a while,
 * knows a dead token, counts, and fails on order. Works with any test runner.
 *
 * @throws TypeError for a wrong option.
 * @example
 * const { fakeWeChat } = require('dotdog/testing')
 *
 * const fake = await fakeWeChat()
 * const { url: baseUrl, appId, appSecret } = fake
 * const wx = wechat({ baseUrl, appId, appSecret, dog: createDog({ store: memoryStore() }) })
 * await wx.call('/cgi-bin/getcallbackip')
 * assert.equal(fake.count.token, 1)
 * await fake.close()
 */
export async function fakeWeChat(options: FakeWeChatOptions = {}): Promise<FakeWeChat> {
  const { accounts, rules, delay, slow, port, host, onRequest, ...checked } = checkOptions(options)
  let { clientIp } = checked
  let ahead = 0
  const now = () => rules.now() + ahead
  const platform = createPlatform(accounts, { ...rules, now })
  const faults = createFaults()
  const control: Wire['control'] = (...request) => (checked.control ? createControl(fake)(...request) : undefined)
  const server = await listen(platform, faults, { host, port, delay, slow, clientIp: () => clientIp, onRequest, control })
  const [{ appId, appSecret }] = accounts

  const fake: FakeWeChat = {
    url: `http://${reachable(host)}:${server.port}`,
    appId,
    appSecret,
    count: platform.count,
    log: platform.log.entries,
    get sameToken() {
      return platform.sameToken
    },
    set sameToken(same) {
      platform.sameToken = same
    },
    get clientIp() {
      return clientIp
    },
    set clientIp(ip) {
      clientIp = ip === undefined ? undefined : checkIp(ip)
    },
    now,
    advance(milliseconds) {
      if (!(milliseconds >= 0 && Number.isFinite(milliseconds))) {
        throw new TypeError(`milliseconds must be a number, at least 0; got ${milliseconds} (${typeof milliseconds})`)
      }
      ahead += milliseconds
    },
    killToken(appId, family) {
      const account = platform.account(appId)
      if (family !== 'stable') account.legacy.kill()
      if (family !== 'legacy') account.stable.kill()
    },
    killTicket(appId) {
      for (const window of Object.values(platform.account(appId).tickets)) window.kill()
    },
    currentToken: (appId, family = 'legacy') => platform.account(appId)[family].newest,
    foreignToken(appId) {
      const token = mintToken()
      platform.account(appId).foreign.add(token)
      return token
    },
    acceptsTicket(ticket, appId, type = 'jsapi') {
      const known = ticketTypeOf(type)
      if (!known) throw new TypeError(`type must be jsapi, wx_card or 2; got ${type} (${typeof type})`)
      return platform.account(appId).tickets[known].accepts(ticket, now())
    },
    setWhitelist(entries, appId) {
      const account = platform.account(appId)
      account.allows = readWhitelist(entries, account.kind)
    },
    setStanding(standing, appId) {
      if (!standings.includes(standing)) throw new TypeError(`standing must be one of ${standings.join(', ')}; got ${standing}`)
      platform.account(appId).standing = standing
    },
    setRisk(enabled, appId) {
      platform.account(appId).risk.enabled = enabled
    },
    confirm: (appId, ip) => platform.account(appId).risk.confirm(ip),
    reject: (appId, ip) => platform.account(appId).risk.reject(now(), ip),
    fail: (endpoint, fault, times = Number.POSITIVE_INFINITY) => faults.order(endpoint, fault, times),
    heal: faults.clear,
    close: server.close,
  }
  return fake
}
