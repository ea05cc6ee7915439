// Everything the platform keeps of one account, put together. It deliberately knows nothing of requests.
import { randomBytes } from 'node:crypto'
import { createRisk, type Risk } from './ip-confirmation.js'
import { type AccountKind, readWhitelist } from './ip-whitelist.js'
import { type Counter, createCounter, dayOf, minuteOf, monthOf } from './quota-counter.js'
import type { Limits, Rules } from './rules.js'
import { createStableSlot, type StableSlot } from './stable-token.js'
import { createTicketWindow, type TicketWindow } from './ticket.js'
import { createSlot, type Slot } from './token-slot.js'

/** What is wrong with an account as such. `secret-frozen` 40243, `punished` 50004, `limited` 50002, `frozen` 50007. */
export type Standing = 'good' | 'secret-frozen' | 'punished' | 'limited' | 'frozen'

export const standings: readonly Standing[] = ['good', 'secret-frozen', 'punished', 'limited', 'frozen']

export interface Account {
  appId: string
  appSecret: string
  /** Default `official`: the whitelist guards every call. `mini`: only those that carry the AppSecret. */
  kind?: AccountKind
  /** Addresses that may call: `1.2.3.4`, `1.2.3.0/24`; for a mini program also `1.2.3.*`. Default: all may. */
  whitelist?: readonly string[]
  /** `true`: a new address must be confirmed by the administrator: `confirm()` and `reject()`. Default false. */
  risk?: boolean
  /** Default `good`. */
  standing?: Standing
}

export type TokenFamily = 'legacy' | 'stable'
export type TicketType = 'jsapi' | 'wx_card' | '2'

/** The windows by the name in the request; `1` is another word for jsapi, `2` is the mobile SDK's. */
export function ticketTypeOf(type: string | null): TicketType | undefined {
  if (type === 'jsapi' || type === '1') return 'jsapi'
  return type === 'wx_card' || type === '2' ? type : undefined
}

export interface AccountState {
  readonly appId: string
  readonly appSecret: string
  readonly kind: AccountKind
  standing: Standing
  allows: (ip: string) => boolean
  readonly risk: Risk
  readonly legacy: Slot
  readonly stable: StableSlot
  /** Tokens that were made for something else, such as a web login. */
  readonly foreign: Set<string>
  readonly tickets: Readonly<Record<TicketType, TicketWindow>>
  /** The day's counter of a path. */
  quota(path: string): Counter
  readonly stableMinute: Counter
  readonly clears: Counter
  readonly pathClears: Counter
  /** All of the day's and minute's counters begin anew; the moment of the last forced refresh stays. */
  clearQuota(): void
  accept(token: string | undefined, now: number): 0 | 40001 | 40014 | 41001 | 42001
}

/** Shaped like the real ones: 136 and 86 letters of base64url. */
export const mintToken = (): string => `100_${randomBytes(99).toString('base64url')}`
const mintTicket = (): string => randomBytes(64).toString('base64url')

function limitOf(path: string, limits: Limits): number {
  if (path === '/cgi-bin/token') return limits.token
  if (path === '/cgi-bin/stable_token') return limits.stable
  return path === '/cgi-bin/ticket/getticket' ? limits.ticket : limits.call
}

export function createAccount(account: Account, rules: Rules): AccountState {
  const { kind = 'official', standing = 'good' } = account
  const flaps = () => rules.flappyOverlap > 0 && rules.random() < rules.flappyOverlap
  const slotRules = { ...rules, mint: mintToken, flaps }
  const legacy = createSlot(slotRules)
  const stable = createStableSlot({ ...slotRules, forced: rules.limits.forced })
  const window = () => createTicketWindow({ ...rules, mint: mintTicket })
  const counters = new Map<string, Counter>()
  const stableMinute = createCounter(rules.limits.stablePerMinute, minuteOf)

  return {
    appId: account.appId,
    appSecret: account.appSecret,
    kind,
    standing,
    allows: readWhitelist(account.whitelist, kind),
    risk: createRisk(account.risk ?? false),
    legacy,
    stable,
    foreign: new Set(),
    tickets: { jsapi: window(), wx_card: window(), 2: window() },
    quota(path) {
      const counter = counters.get(path) ?? createCounter(limitOf(path, rules.limits), dayOf)
      counters.set(path, counter)
      return counter
    },
    stableMinute,
    clears: createCounter(rules.limits.clear, monthOf),
    pathClears: createCounter(rules.limits.clearPath, monthOf),
    clearQuota() {
      for (const counter of [...counters.values(), stableMinute, stable.forces]) counter.clear()
    },
    accept(token, now) {
      if (token !== undefined && this.foreign.has(token)) return 40014
      const verdict = legacy.accept(token, now)
      return verdict === 40001 ? stable.accept(token, now) : verdict
    },
  }
}
