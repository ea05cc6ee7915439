// The fake platform as a test uses it: the pure platform, its faults and the server, put together.
import { randomBytes } from 'node:crypto'
import { createFaults, type Endpoint, type Fault } from './faults.js'
import { type Account, type Counts, createPlatform } from './platform.js'
import { type LogEntry, listen } from './server.js'

export interface FakeWeChatOptions {
  /** The accounts it knows. Default: one, with a random AppSecret. */
  accounts?: readonly Account[]
  /** Seconds a token lives. Default 7200. */
  ttl?: number
  /** Seconds a replaced token goes on being accepted. Default 300, as the real platform's; 0 is the strictest. */
  overlap?: number
  /** How many tokens of an account are accepted at once. Default 2: a third fetch kills the first at once. */
  maxLive?: number
  /** Seconds in which getticket gives the same ticket, and what it answers as `expires_in` every time. Default 7200. */
  ticketTtl?: number
  /** Milliseconds before each answer. Default 0. */
  delay?: number
  /** Milliseconds before an answer with the fault `slow`. Default 5000. */
  slow?: number
  /** Default 0: a free one. */
  port?: number
  /** The platform's clock, epoch milliseconds. Default the machine's. */
  now?: () => number
}

export interface FakeWeChat {
  /** For the option `baseUrl` of `wechat()`. */
  readonly url: string
  /** The first account. */
  readonly appId: string
  readonly appSecret: string
  /** How often each endpoint was asked; counts on while you look. */
  readonly count: Readonly<Counts>
  /** Every request, without query and body. */
  readonly log: readonly Readonly<LogEntry>[]
  /** `true`: the token endpoint answers with the token it has, dead or alive, as some upstreams do. Default false. */
  sameToken: boolean
  /** All live tokens of an account die at once. Default: the first account. */
  killToken(appId?: string): void
  /** The newest token of an account, dead or alive. */
  currentToken(appId?: string): string | undefined
  /** The next `times` requests to the endpoint go wrong; default: all, until `heal`. Faults ordered earlier go first. */
  fail(endpoint: Endpoint, fault: Fault, times?: number): void
  /** Takes back the faults of one endpoint, or all. */
  heal(endpoint?: Endpoint): void
  /** Cuts what is open and stops. The server keeps the process alive until then. */
  close(): Promise<void>
}

function number(options: FakeWeChatOptions, name: keyof FakeWeChatOptions, standard: number, least: number): number {
  const value: unknown = options[name] ?? standard
  if (typeof value !== 'number' || !Number.isFinite(value) || value < least) {
    throw new TypeError(`${name} must be a number, at least ${least}; got ${String(value)} (${typeof value})`)
  }
  return value
}

function checkAccounts(accounts: readonly Account[]): void {
  const right = (account: Account) =>
    Boolean(account && typeof account.appId === 'string' && account.appId && account.appSecret)
  if (!Array.isArray(accounts) || accounts.length === 0 || !accounts.every(right)) {
    throw new TypeError('accounts must be a list of { appId, appSecret } with at least one')
  }
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
  const accounts = options.accounts ?? [{ appId: 'wxd09d09d09d09d09d', appSecret: randomBytes(16).toString('hex') }]
  checkAccounts(accounts)
  const now = options.now ?? Date.now
  const platform = createPlatform({
    accounts,
    ttl: number(options, 'ttl', 7200, 0.001),
    overlap: number(options, 'overlap', 300, 0),
    ticketTtl: number(options, 'ticketTtl', 7200, 0.001),
    maxLive: number(options, 'maxLive', 2, 1),
    now,
  })
  const faults = createFaults()
  const server = await listen(platform, faults, {
    port: number(options, 'port', 0, 0),
    delay: number(options, 'delay', 0, 0),
    slow: number(options, 'slow', 5000, 0),
    now,
  })
  const { appId, appSecret } = accounts[0]!

  return {
    url: `http://127.0.0.1:${server.port}`,
    appId,
    appSecret,
    count: platform.count,
    log: server.log,
    get sameToken() {
      return platform.sameToken
    },
    set sameToken(same) {
      platform.sameToken = same
    },
    killToken: platform.killToken,
    currentToken: platform.currentToken,
    fail: (endpoint, fault, times = Number.POSITIVE_INFINITY) => faults.order(endpoint, fault, times),
    heal: faults.clear,
    close: server.close,
  }
}
