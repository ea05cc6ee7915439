// Checks what the user gave. A message has the option's name, the rule, the value and its type; an AppSecret's value never.
import { randomBytes } from 'node:crypto'
import { type Account, standings } from './model/account.js'
import { checkIp } from './model/ip-whitelist.js'
import type { LogEntry } from './model/request-log.js'
import { type Limits, type SomeRules, standardLimits } from './model/rules.js'

export interface FakeWeChatOptions {
  /** The accounts it knows. Default: one, with a random AppSecret. */
  accounts?: readonly Account[]
  /** One account with something special: the rest of it, such as the AppSecret, has defaults. Not beside `accounts`. */
  account?: Partial<Account>
  /** Seconds a token lives. Default 7200. */
  ttl?: number
  /** Seconds a replaced token goes on being accepted. Default 300, as the real platform's; 0 is the strictest. */
  overlap?: number
  /** How many tokens of a family and account are accepted at once. Default 2: a third fetch kills the first at once. */
  maxLive?: number
  /**
   * How often a replaced token is refused with 40001 within its overlap, from 0 to 1; `true` is 0.5. Users see the real
   * platform do that, because its servers do not all learn of a new token at once. Default 0.
   */
  flappyOverlap?: boolean | number
  /** From 0 to 1, for `flappyOverlap`. Default `Math.random`. */
  random?: () => number
  /** Seconds before its end from which stable_token gives a new token. Default 300, or a 24th of `ttl` if that is less. */
  stableAhead?: number
  /** Seconds between two forced refreshes; an earlier one gets the current token. Default 30. */
  forceGap?: number
  /** Whether that gap counts from the last forced refresh, or from any new stable token. Default `force`. */
  forceGapFrom?: 'force' | 'rotation'
  /** Whether a force that comes too early uses up one of the day's. Default false. */
  earlyForceCounts?: boolean
  /** Seconds in which getticket gives the same ticket, and what it answers as `expires_in` every time. Default 7200. */
  ticketTtl?: number
  /** Seconds a ticket goes on being good after that. Default 3600. */
  ticketOverlap?: number
  /** `true`: getticket answers the seconds that really remain. Default false, as the real platform. */
  ticketRemaining?: boolean
  /** Quotas; see {@link Limits}. A day is one of Beijing's. */
  limits?: Partial<Limits>
  /** `true`: a request without `x-forwarded-proto: https` is 43003. Default false. */
  requireHttps?: boolean
  /** The caller's address as whitelists and 40164 see it; a header `x-fake-client-ip` goes before it. Default: the real one. */
  clientIp?: string
  /** Milliseconds before each answer. Default 0. */
  delay?: number
  /** Milliseconds before an answer with the fault `slow`. Default 5000. */
  slow?: number
  /** Default 0: a free one. */
  port?: number
  /** Default `127.0.0.1`. Anything else is open to others: the fake is made for tests, and knows no attack. */
  host?: string
  /** The platform's clock, epoch milliseconds. Default the machine's. */
  now?: () => number
  /** Told of each request when it has been decided; its answer may still be on the way. */
  onRequest?: (entry: Readonly<LogEntry>) => void
  /** `true`: what the fake can do is open to HTTP too, at `/_fake`, for programs in other languages. Default false. */
  control?: boolean
}

export interface CheckedOptions {
  accounts: readonly [Account, ...Account[]]
  rules: SomeRules & { now: () => number }
  clientIp: string | undefined
  delay: number
  slow: number
  port: number
  host: string
  onRequest: (entry: Readonly<LogEntry>) => void
  control: boolean
}

const fail = (name: string, rule: string, value: unknown): never => {
  throw new TypeError(`${name} must be ${rule}; got ${String(value)} (${typeof value})`)
}

/** `undefined` where it was left out. */
function number(name: string, value: unknown, least: number, most = Number.POSITIVE_INFINITY): number | undefined {
  if (value === undefined) return undefined
  const right = typeof value === 'number' && value >= least && value <= most && Number.isFinite(value)
  return right ? value : fail(name, `a number, at least ${least}${most < 1e9 ? ` and at most ${most}` : ''}`, value)
}

function boolean(name: string, value: unknown): boolean | undefined {
  return value === undefined || typeof value === 'boolean' ? value : fail(name, 'true or false', value)
}

function checkAccount(account: Account): void {
  const { appId, appSecret, kind = 'official', standing = 'good', risk } = account ?? {}
  if (typeof appId !== 'string' || !appId || typeof appSecret !== 'string' || !appSecret) {
    throw new TypeError('accounts must be a list of { appId, appSecret } with at least one')
  }
  if (kind !== 'official' && kind !== 'mini') fail('kind of an account', "'official' or 'mini'", kind)
  if (!standings.includes(standing)) fail('standing of an account', `one of ${standings.join(', ')}`, standing)
  boolean('risk of an account', risk)
}

function accountsOf({ accounts, account }: FakeWeChatOptions): [Account, ...Account[]] {
  if (accounts && account) throw new TypeError('account must not be given beside accounts')
  const standard = { appId: 'wxd09d09d09d09d09d', appSecret: randomBytes(16).toString('hex') }
  const all = accounts ?? [{ ...standard, ...given(account ?? {}) }]
  if (!Array.isArray(all) || all.length === 0) {
    throw new TypeError('accounts must be a list of { appId, appSecret } with at least one')
  }
  for (const one of all) checkAccount(one)
  if (new Set(all.map(({ appId }) => appId)).size < all.length) {
    throw new TypeError('accounts must have an appId each; got the same one twice')
  }
  return [...all] as [Account, ...Account[]]
}

function checkLimits(limits: Partial<Limits> = {}): Partial<Limits> {
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(standardLimits, name)) fail('limits', `of ${Object.keys(standardLimits).join(', ')}`, name)
    if (value !== Number.POSITIVE_INFINITY) number(`limits.${name}`, value, 0)
  }
  return limits
}

/** An option that was left out stays out, so that it does not hide its default. */
function given<T extends object>(some: T): T {
  return Object.fromEntries(Object.entries(some).filter(([, value]) => value !== undefined)) as T
}

/** @throws TypeError for the first option that is wrong. */
export function checkOptions(options: FakeWeChatOptions): CheckedOptions {
  const {
    random,
    now = Date.now,
    forceGapFrom,
    flappyOverlap: flappy,
    clientIp,
    host = '127.0.0.1',
    onRequest = () => {},
  } = options
  for (const [name, value] of Object.entries({ random, now, onRequest })) {
    if (value !== undefined && typeof value !== 'function') fail(name, 'a function', value)
  }
  if (forceGapFrom !== undefined && forceGapFrom !== 'force' && forceGapFrom !== 'rotation') {
    fail('forceGapFrom', "'force' or 'rotation'", forceGapFrom)
  }
  if (typeof host !== 'string' || host === '') fail('host', 'an address to listen at', host)
  const seconds = (name: keyof FakeWeChatOptions, least = 0) => number(name, options[name], least)
  const flag = (name: keyof FakeWeChatOptions) => boolean(name, options[name])
  const rules = given({
    ...{ ttl: seconds('ttl', 0.001), overlap: seconds('overlap'), maxLive: seconds('maxLive', 1), random, now, forceGapFrom },
    flappyOverlap: typeof flappy === 'boolean' ? Number(flappy) / 2 : number('flappyOverlap', flappy, 0, 1),
    ...{ stableAhead: seconds('stableAhead'), forceGap: seconds('forceGap'), earlyForceCounts: flag('earlyForceCounts') },
    ...{ ticketTtl: seconds('ticketTtl', 0.001), ticketOverlap: seconds('ticketOverlap') },
    ...{ ticketRemaining: flag('ticketRemaining'), requireHttps: flag('requireHttps'), limits: checkLimits(options.limits) },
  })
  return {
    accounts: accountsOf(options),
    rules,
    clientIp: clientIp === undefined ? undefined : checkIp(clientIp),
    delay: seconds('delay') ?? 0,
    slow: seconds('slow') ?? 5000,
    port: number('port', options.port, 0, 65_535) ?? 0,
    host,
    onRequest,
    control: flag('control') ?? false,
  }
}
