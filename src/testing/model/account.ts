/** The state that the platform keeps for one account. It knows nothing of requests. */
import { randomBytes } from 'node:crypto'
import { createIpConfirmation, type IpConfirmation } from './ip-confirmation.js'
import { type AccountKind, createWhitelist } from './ip-whitelist.js'
import type { Part } from './multipart.js'
import { createQuotaCounter, dayOf, minuteOf, monthOf, type QuotaCounter } from './quota-counter.js'
import type { Limits, Rules } from './rules.js'
import { createStableTokenSlot, type StableTokenSlot } from './stable-token.js'
import { createTicketWindow, type TicketWindow } from './ticket.js'
import { createTokenSlot, type TokenErrcode, type TokenSlot } from './token-slot.js'

/**
 * The standing of an account. Every standing but `good` is refused with its own errcode:
 * `secret-frozen` 40243, `punished` 50004, `limited` 50002, `frozen` 50007.
 */
export type Standing = 'good' | 'secret-frozen' | 'punished' | 'limited' | 'frozen'

export const STANDINGS: readonly Standing[] = ['good', 'secret-frozen', 'punished', 'limited', 'frozen']

/** An account of the fake platform. */
export interface Account {
  appId: string
  appSecret: string
  /**
   * Default `official`: the IP whitelist guards every call. With `mini` it guards only the calls
   * that carry the AppSecret.
   */
  kind?: AccountKind
  /**
   * Addresses that may call: `1.2.3.4`, `1.2.3.0/24`, and for a mini program also `1.2.3.*`.
   * Default: every address may call.
   */
  whitelist?: readonly string[]
  /**
   * `true`: the administrator must confirm each new address, with `confirm()` or `reject()`.
   * Default false.
   */
  risk?: boolean
  /** Default `good`. */
  standing?: Standing
}

/** Tokens of `/cgi-bin/token` are `legacy`, tokens of `/cgi-bin/stable_token` are `stable`. */
export type TokenFamily = 'legacy' | 'stable'
/** `jsapi` is for the JS-SDK, `wx_card` for cards, `2` for the mobile SDK. */
export type TicketType = 'jsapi' | 'wx_card' | '2'

/** The ticket type that a request names. `1` is an alias of `jsapi`. */
export function parseTicketType(type: string | null): TicketType | undefined {
  if (type === 'jsapi' || type === '1') return 'jsapi'
  return type === 'wx_card' || type === '2' ? type : undefined
}

export interface AccountState {
  readonly appId: string
  readonly appSecret: string
  readonly kind: AccountKind
  standing: Standing
  isWhitelisted: (ip: string) => boolean
  readonly ipConfirmation: IpConfirmation
  readonly legacy: TokenSlot
  readonly stable: StableTokenSlot
  /** Tokens of another purpose, such as a web login. Business calls refuse them with 40014. */
  readonly foreignTokens: Set<string>
  /** Tokens of the account as a third-party platform: component_access_token. */
  readonly component: TokenSlot
  /** Of the account as a third-party platform: the pushed tickets, with the epoch milliseconds of their end. */
  readonly verifyTickets: Map<string, number>
  /** Tokens with which a third-party platform acts for the account: authorizer_access_token. */
  readonly authorizer: TokenSlot
  /** The newest authorizer_refresh_token, and its predecessor until the newest one is used. */
  readonly refreshTokens: string[]
  readonly tickets: Readonly<Record<TicketType, TicketWindow>>
  /** Uploaded files by their media_id. */
  readonly media: Map<string, Part>
  /** The counter of a path's calls in one day. */
  dailyQuota(path: string): QuotaCounter
  /** Counts calls of stable_token in one minute. */
  readonly stablePerMinute: QuotaCounter
  /** Counts resets of all quotas in one month. */
  readonly monthlyClears: QuotaCounter
  /** Counts resets of one path's quota in one month. */
  readonly monthlyPathClears: QuotaCounter
  /** Resets all counters of the day and the minute. The time of the last forced refresh stays. */
  resetQuotas(): void
  /** 0 if a request with this token is served, otherwise the errcode of its refusal. */
  checkToken(token: string | undefined, now: number): TokenErrcode | 40014
}

/** A token of the real shape: 136 characters, most of them base64url. */
export const mintToken = (): string => `100_${randomBytes(99).toString('base64url')}`
/** A ticket of the real shape: 86 characters of base64url. */
const mintTicket = (): string => randomBytes(64).toString('base64url')

function dailyLimitOf(path: string, limits: Limits): number {
  if (path === '/cgi-bin/token') return limits.token
  if (path === '/cgi-bin/stable_token') return limits.stable
  return path === '/cgi-bin/ticket/getticket' ? limits.ticket : limits.call
}

/** @throws TypeError for a wrong whitelist entry. */
export function createAccountState(account: Account, rules: Rules): AccountState {
  const { kind = 'official', standing = 'good' } = account
  const isFlapping = () => rules.flappyOverlap > 0 && rules.random() < rules.flappyOverlap
  const slotRules = { ...rules, mint: mintToken, isFlapping }
  const legacy = createTokenSlot(slotRules)
  const stable = createStableTokenSlot({ ...slotRules, forced: rules.limits.forced })
  const createWindow = () => createTicketWindow({ ...rules, mint: mintTicket })
  const dailyQuotas = new Map<string, QuotaCounter>()
  const stablePerMinute = createQuotaCounter(rules.limits.stablePerMinute, minuteOf)

  return {
    appId: account.appId,
    appSecret: account.appSecret,
    kind,
    standing,
    isWhitelisted: createWhitelist(account.whitelist, kind),
    ipConfirmation: createIpConfirmation(account.risk ?? false),
    legacy,
    stable,
    foreignTokens: new Set(),
    component: createTokenSlot(slotRules),
    verifyTickets: new Map(),
    authorizer: createTokenSlot(slotRules),
    refreshTokens: [],
    media: new Map(),
    tickets: { jsapi: createWindow(), wx_card: createWindow(), 2: createWindow() },
    dailyQuota(path) {
      const counter = dailyQuotas.get(path) ?? createQuotaCounter(dailyLimitOf(path, rules.limits), dayOf)
      dailyQuotas.set(path, counter)
      return counter
    },
    stablePerMinute,
    monthlyClears: createQuotaCounter(rules.limits.clear, monthOf),
    monthlyPathClears: createQuotaCounter(rules.limits.clearPath, monthOf),
    resetQuotas() {
      for (const counter of [...dailyQuotas.values(), stablePerMinute, stable.forcedRefreshes]) counter.clear()
    },
    checkToken(token, now) {
      if (token !== undefined && this.foreignTokens.has(token)) return 40014
      // Each token belongs to one family at most. The others say 40001 of it.
      const errcodes = [legacy, stable, this.authorizer].map((slot) => slot.checkToken(token, now))
      return errcodes.find((errcode) => errcode !== 40001) ?? 40001
    },
  }
}
