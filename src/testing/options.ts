/** The options of `fakeWeChat`, and their checks. No message shows the value of an AppSecret. */
import { randomBytes } from 'node:crypto'
import {
  BOOLEAN,
  checkObject,
  checkOptions,
  checkValue,
  FUNCTION,
  type Rule,
  type Rules,
  TEXT,
  unknownOption,
} from '../core/shared/validate.js'
import { type Account, STANDINGS } from './model/account.js'
import { checkIp } from './model/ip-whitelist.js'
import type { LogEntry } from './model/request-log.js'
import { DEFAULT_LIMITS, type Limits, type PartialRules } from './model/rules.js'

export interface FakeWeChatOptions {
  /** The accounts of the platform. Default: one, with a random AppSecret. */
  accounts?: readonly Account[]
  /**
   * One account. Each field that is left out, such as the AppSecret, has a default. Not allowed
   * together with `accounts`.
   */
  account?: Partial<Account>
  /** Lifetime of a token, in seconds. Default 7200. */
  ttl?: number
  /**
   * Seconds for which a replaced token is still accepted. Default 300, as on the real platform;
   * 0 is the strictest.
   */
  overlap?: number
  /**
   * How many tokens of one family and account are accepted at once. Default 2: a third fetch kills
   * the first token at once.
   */
  maxLive?: number
  /**
   * How often a replaced token is refused with 40001 within its overlap, from 0 to 1; `true` is 0.5.
   * Users report this of the real platform, because its servers do not all learn of a new token at
   * once. Default 0.
   */
  flappyOverlap?: boolean | number
  /** Returns a number from 0 to 1, for `flappyOverlap`. Default `Math.random`. */
  random?: () => number
  /**
   * Seconds before the expiry of a stable token from which stable_token returns a new one.
   * Default 300, or a 24th of `ttl` if that is less.
   */
  stableAhead?: number
  /** Seconds between two forced refreshes. An earlier one gets the current token. Default 30. */
  forceGap?: number
  /**
   * Whether `forceGap` is counted from the last forced refresh, or from any new stable token.
   * Default `force`.
   */
  forceGapFrom?: 'force' | 'rotation'
  /** Whether a forced refresh within `forceGap` uses up one of the day's. Default false. */
  earlyForceCounts?: boolean
  /**
   * Seconds for which getticket returns the same ticket. Every response names this number as
   * `expires_in`. Default 7200.
   */
  ticketTtl?: number
  /** Seconds for which a ticket is still accepted after that. Default 3600. */
  ticketOverlap?: number
  /**
   * `true`: getticket returns the seconds that remain as `expires_in`. Default false, as on the real
   * platform.
   */
  ticketRemaining?: boolean
  /** Quotas; see {@link Limits}. A day begins at midnight in Beijing. */
  limits?: Partial<Limits>
  /** `true`: a request without `x-forwarded-proto: https` is refused with 43003. Default false. */
  requireHttps?: boolean
  /**
   * The address of all callers, as whitelists and 40164 see it. The header `x-fake-client-ip` takes
   * precedence. Default: the address of the connection.
   */
  clientIp?: string
  /** Milliseconds before each response. Default 0. */
  delay?: number
  /** Milliseconds before a response with the fault `slow`. Default 5000. */
  slow?: number
  /** The port to listen on. Default 0: a free port. */
  port?: number
  /**
   * The address to listen on. Default `127.0.0.1`. Any other address is open to other machines, and
   * the fake has no protection against attacks.
   */
  host?: string
  /** The platform's clock, in epoch milliseconds. Default `Date.now`. */
  now?: () => number
  /** Called for each request when its response is decided. The response may still be delayed. */
  onRequest?: (entry: Readonly<LogEntry>) => void
  /**
   * `true`: the fake's methods can also be called over HTTP under `/_fake`, for programs in other
   * languages. Default false.
   */
  control?: boolean
}

/** The options with their defaults. */
export interface CheckedOptions {
  accounts: readonly [Account, ...Account[]]
  rules: PartialRules & { now: () => number }
  clientIp: string | undefined
  delayMs: number
  slowDelayMs: number
  port: number
  host: string
  onRequest: (entry: Readonly<LogEntry>) => void
  control: boolean
}

const numberBetween = (min: number, max: number): Rule => ({
  test: (value: unknown) => typeof value === 'number' && Number.isFinite(value) && value >= min && value <= max,
  rule: `must be a number, at least ${min}${max === Number.POSITIVE_INFINITY ? '' : ` and at most ${max}`}`,
})
const numberFrom = (min: number): Rule => numberBetween(min, Number.POSITIVE_INFINITY)
const oneOf = (values: readonly string[], rule: string): Rule => ({
  test: (value: unknown) => values.includes(value as string),
  rule,
})
/** Checked by a function of its own, which has a better message. */
const CHECKED_BELOW: Rule = { test: () => true, rule: '' }
const SHARE = numberBetween(0, 1)
const LIMIT: Rule = { test: (value: unknown) => typeof value === 'number' && value >= 0, rule: 'must be a number, at least 0' }

const RULES: Rules = {
  accounts: CHECKED_BELOW,
  account: CHECKED_BELOW,
  ttl: numberFrom(0.001),
  overlap: numberFrom(0),
  maxLive: numberFrom(1),
  flappyOverlap: {
    test: (value: unknown) => typeof value === 'boolean' || SHARE.test(value as never),
    rule: 'must be true, false or a number from 0 to 1',
  },
  random: FUNCTION,
  stableAhead: numberFrom(0),
  forceGap: numberFrom(0),
  forceGapFrom: oneOf(['force', 'rotation'], "must be 'force' or 'rotation'"),
  earlyForceCounts: BOOLEAN,
  ticketTtl: numberFrom(0.001),
  ticketOverlap: numberFrom(0),
  ticketRemaining: BOOLEAN,
  limits: CHECKED_BELOW,
  requireHttps: BOOLEAN,
  clientIp: CHECKED_BELOW,
  delay: numberFrom(0),
  slow: numberFrom(0),
  port: numberBetween(0, 65_535),
  host: TEXT,
  now: FUNCTION,
  onRequest: FUNCTION,
  control: BOOLEAN,
}

const ACCOUNT_RULES: Rules = {
  appId: TEXT,
  appSecret: { ...TEXT, isSecret: true },
  kind: oneOf(['official', 'mini'], "must be 'official' or 'mini'"),
  whitelist: CHECKED_BELOW,
  risk: BOOLEAN,
  standing: oneOf(STANDINGS, `must be one of ${STANDINGS.join(', ')}`),
}

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''

const notAccounts = (): TypeError => new TypeError('accounts must be a list of { appId, appSecret } with at least one')

function accountsOf({ accounts, account }: FakeWeChatOptions): [Account, ...Account[]] {
  if (accounts && account) throw new TypeError('account must not be given together with accounts')
  const defaults = { appId: 'wxd09d09d09d09d09d', appSecret: randomBytes(16).toString('hex') }
  const all = accounts ?? [{ ...defaults, ...withoutUndefined(account ?? {}) }]
  if (!Array.isArray(all) || all.length === 0) throw notAccounts()
  for (const one of all) {
    if (!isText(one?.appId) || !isText(one?.appSecret)) throw notAccounts()
    checkOptions('an account', one, ACCOUNT_RULES)
  }
  if (new Set(all.map(({ appId }) => appId)).size < all.length) {
    throw new TypeError('each of the accounts must have its own appId; two have the same')
  }
  return [...all] as [Account, ...Account[]]
}

function checkLimits(limits: Partial<Limits> = {}): Partial<Limits> {
  checkObject('limits', limits)
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(DEFAULT_LIMITS, name)) throw unknownOption('limits', name, Object.keys(DEFAULT_LIMITS))
    checkValue(`limits.${name}`, value, LIMIT)
  }
  return limits
}

/** Removes the members that are `undefined`, so that they do not hide a default. */
function withoutUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T
}

/** @throws TypeError for the first option that is unknown or wrong. */
export function checkFakeOptions(given: FakeWeChatOptions): CheckedOptions {
  const { accounts, account, limits, clientIp, delay, slow, port, host, onRequest, control, ...rest } =
    checkOptions<FakeWeChatOptions>('fakeWeChat', given, RULES)
  const { flappyOverlap, now = Date.now } = rest
  return {
    accounts: accountsOf({ accounts, account }),
    rules: withoutUndefined({
      ...rest,
      now,
      flappyOverlap: typeof flappyOverlap === 'boolean' ? Number(flappyOverlap) / 2 : flappyOverlap,
      limits: checkLimits(limits),
    }),
    clientIp: clientIp === undefined ? undefined : checkIp(clientIp),
    delayMs: delay ?? 0,
    slowDelayMs: slow ?? 5000,
    port: port ?? 0,
    host: host ?? '127.0.0.1',
    onRequest: onRequest ?? (() => {}),
    control: control ?? false,
  }
}
