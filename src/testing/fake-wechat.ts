/** `fakeWeChat`: connects the platform, its faults, the HTTP server and the HTTP control. */
import { isIPv6 } from 'node:net'
import { misuse } from '../core/shared/validate.js'
import { createHttpControl } from './http-control.js'
import { mintToken, parseTicketType, STANDINGS, type Standing, type TicketType, type TokenFamily } from './model/account.js'
import type { Counts } from './model/fake-request.js'
import { createFaultQueue, type Endpoint, type Fault } from './model/faults.js'
import { checkIp, createWhitelist } from './model/ip-whitelist.js'
import type { LogEntry } from './model/request-log.js'
import { completeRules } from './model/rules.js'
import { checkFakeOptions, type FakeWeChatOptions } from './options.js'
import { type Authorization, authorize, mintVerifyTicket } from './platform/component.js'
import { createPlatform } from './platform/platform.js'
import { startFakeServer, type WireOptions } from './server.js'

/**
 * A running fake. Each method that takes an `appId` acts on the first account by default, and throws
 * a TypeError for an unknown one.
 */
export interface FakeWeChat {
  /** The base URL, for the option `baseUrl` of `wechat()`. */
  readonly url: string
  /** The AppID of the first account. */
  readonly appId: string
  /** The AppSecret of the first account. */
  readonly appSecret: string
  /** How many requests each endpoint got. The object is updated with each request. */
  readonly count: Readonly<Counts>
  /** The last 10 000 requests, without queries and bodies. */
  readonly log: readonly Readonly<LogEntry>[]
  /**
   * `true`: the token endpoint returns its newest token, alive or dead, instead of a new one, as some
   * upstreams do. Default false.
   */
  sameToken: boolean
  /**
   * The address that requests seem to come from; `undefined`: the address of the connection. Set it
   * to simulate a move to another machine.
   *
   * @throws TypeError for a value that is not an IP address.
   */
  clientIp: string | undefined
  /** The platform's clock, in epoch milliseconds. */
  now(): number
  /**
   * Moves the platform's clock forward. Delays, such as `delay`, are not shortened.
   *
   * @throws TypeError for a negative number.
   */
  advance(milliseconds: number): void
  /**
   * Kills all live tokens of an account. Default: the tokens of both families, and those of a
   * third-party platform.
   */
  killToken(appId?: string, family?: TokenFamily): void
  /** Kills all tickets of an account. Its tokens live on. */
  killTicket(appId?: string): void
  /** The newest token of an account, alive or dead. Default: the classic token. */
  currentToken(appId?: string, family?: TokenFamily): string | undefined
  /**
   * The component_verify_ticket that the platform pushes to an account which is a third-party
   * platform. It is valid for 12 hours, beside those before it.
   */
  verifyTicket(appId?: string): string
  /**
   * An account authorises a third-party platform: its first tokens, as api_query_auth returns them.
   * Each use of api_authorizer_token replaces the refresh token. The one that was used stays valid
   * until its successor is used.
   */
  authorize(appId?: string): Authorization
  /** Makes a token of another purpose, such as a web login. Business calls refuse it with 40014. */
  foreignToken(appId?: string): string
  /**
   * Whether a page signed with this ticket is accepted now. Default: a JS-SDK ticket.
   *
   * @throws TypeError for an unknown type.
   */
  acceptsTicket(ticket: string, appId?: string, type?: TicketType): boolean
  /**
   * Replaces an account's whitelist at once; `undefined`: every address may call.
   *
   * @throws TypeError for an entry that the console would not accept.
   */
  setWhitelist(entries: readonly string[] | undefined, appId?: string): void
  /**
   * Freezes or limits an account, or makes it good again.
   *
   * @throws TypeError for an unknown standing.
   */
  setStanding(standing: Standing, appId?: string): void
  /** Whether the administrator must confirm each new address (89503). */
  setRisk(enabled: boolean, appId?: string): void
  /** The administrator confirms one address, or all that wait. Returns the confirmed addresses. */
  confirm(appId?: string, ip?: string): string[]
  /**
   * The administrator rejects one address, or all that wait. It is refused with 89507 for an hour; a
   * second rejection within a day is 89506 for a day. Returns the rejected addresses.
   */
  reject(appId?: string, ip?: string): string[]
  /**
   * The next `times` requests to the endpoint fail, after those that were ordered earlier. Default:
   * all requests until `heal`.
   *
   * @throws TypeError for an unknown endpoint or fault.
   */
  fail(endpoint: Endpoint, fault: Fault, times?: number): void
  /** Removes the faults of one endpoint. Default: of all. */
  heal(endpoint?: Endpoint): void
  /** Cuts all connections and stops the server, which keeps the process alive until then. */
  close(): Promise<void>
}

/** The host with which a client on this machine reaches a server that listens on `host`. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return isIPv6(host) ? `[${host}]` : host
}

/**
 * Starts a fake WeChat platform on the loopback interface. It rotates tokens and accepts the
 * replaced one for a while, refuses dead tokens, counts requests, and fails when a test orders it.
 * It works with any test runner.
 *
 * @throws TypeError for an option that is unknown or wrong.
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
  const checked = checkFakeOptions(options)
  const { accounts, rules, delayMs, slowDelayMs, port, host, onRequest } = checked
  let { clientIp } = checked
  let advancedMs = 0
  const now = () => rules.now() + advancedMs
  const platform = createPlatform(accounts, { ...rules, now })
  const faults = createFaultQueue()
  const control: WireOptions['control'] = (...request) => (checked.control ? createHttpControl(fake)(...request) : undefined)
  const wire = { host, port, delayMs, slowDelayMs, clientIp: () => clientIp, onRequest, control }
  const server = await startFakeServer(platform, faults, wire)
  const [{ appId, appSecret }] = accounts

  const fake: FakeWeChat = {
    url: `http://${urlHost(host)}:${server.port}`,
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
        throw misuse('milliseconds', 'must be a number, at least 0', milliseconds)
      }
      advancedMs += milliseconds
    },
    killToken(appId, family) {
      const account = platform.account(appId)
      if (family !== 'stable') account.legacy.kill()
      if (family !== 'legacy') account.stable.kill()
      if (family !== undefined) return
      account.component.kill()
      account.authorizer.kill()
    },
    killTicket(appId) {
      for (const window of Object.values(platform.account(appId).tickets)) window.kill()
    },
    currentToken: (appId, family = 'legacy') => platform.account(appId)[family].newest,
    verifyTicket: (appId) => mintVerifyTicket(platform.account(appId), now()),
    authorize: (appId) => authorize(platform.account(appId), now(), completeRules(rules).ttl),
    foreignToken(appId) {
      const token = mintToken()
      platform.account(appId).foreignTokens.add(token)
      return token
    },
    acceptsTicket(ticket, appId, type = 'jsapi') {
      const known = parseTicketType(type)
      if (!known) throw misuse('type', 'must be jsapi, wx_card or 2', type)
      return platform.account(appId).tickets[known].accepts(ticket, now())
    },
    setWhitelist(entries, appId) {
      const account = platform.account(appId)
      account.isWhitelisted = createWhitelist(entries, account.kind)
    },
    setStanding(standing, appId) {
      if (!STANDINGS.includes(standing)) throw misuse('standing', `must be one of ${STANDINGS.join(', ')}`, standing)
      platform.account(appId).standing = standing
    },
    setRisk(enabled, appId) {
      platform.account(appId).ipConfirmation.enabled = enabled
    },
    confirm: (appId, ip) => platform.account(appId).ipConfirmation.confirm(ip),
    reject: (appId, ip) => platform.account(appId).ipConfirmation.reject(now(), ip),
    fail: (endpoint, fault, times = Number.POSITIVE_INFINITY) => faults.add(endpoint, fault, times),
    heal: faults.clear,
    close: server.close,
  }
  return fake
}
