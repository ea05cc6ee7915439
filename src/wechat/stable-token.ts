// The fetcher of a stable token. When a stable token dies, a plain request returns the same dead
// token, and only a forced request returns another one. The platform limits forced requests, so all
// processes count them together, as a key of their own: a fetch of that key is a permit to force
// once.
import type { FetchContext, Fetcher, KeyOptions, Result, Secret } from 'dotdog'
import { fetchStableToken, type SecretAccount } from './api/endpoints.js'
import { WeChatError } from './api/errors.js'

/** The platform's limit. */
const MAX_FORCES_PER_DAY = 20
/** A day, and the longest time that a request may be on its way. */
const FORCE_WINDOW_S = 86_400 + 600
/** The platform's least time between two forced requests. */
const FORCE_INTERVAL_S = 30
/**
 * A permit is used within this time after it was asked for, or not at all. A process that was
 * suspended in between must not force after its successor.
 */
const PERMIT_LIFETIME_MS = 10_000

/**
 * Time before its end at which a stable token is due. The platform returns a new token from 300 s
 * before the end on. A little later than that it surely does, and the old token is still valid.
 */
export const STABLE_REFRESH_AHEAD_S = 240

/** When tokens were forced in the last day, in epoch milliseconds. */
export type ForceTimes = number[]

function recentForces(previous: unknown, now: number): ForceTimes {
  if (!Array.isArray(previous)) return []
  const times = previous.filter((time): time is number => typeof time === 'number')
  // A time in the future comes from a wrong clock, but that token was forced all the same.
  return times.map((time) => Math.min(time, now)).filter((time) => now - time < FORCE_WINDOW_S * 1000)
}

/**
 * The permits to force a token. Taking a permit makes no request: it is counted before the request,
 * because a process may be killed during it.
 */
export interface ForceQuota {
  /** Takes a permit, or throws an error with `retryAfter` (seconds) if none is free. */
  readonly fetcher: Fetcher<ForceTimes>
  readonly options: KeyOptions
  /** The number of permits that this process has taken. */
  readonly permitsTaken: number
}

/**
 * @param timeout seconds that a request may take
 * @param now returns epoch milliseconds
 */
export function createForceQuota(timeout: number, now: () => number = Date.now): ForceQuota {
  let permitsTaken = 0
  return {
    get permitsTaken() {
      return permitsTaken
    },
    // Permits are taken only to be used: neither ahead of time, nor by a timer.
    options: { timeout, refreshAhead: 0, autoRefresh: false, quota: { limit: MAX_FORCES_PER_DAY, window: FORCE_WINDOW_S } },
    fetcher({ previous }) {
      const time = now()
      const times = recentForces(previous, time)
      const isUsedUp = times.length >= MAX_FORCES_PER_DAY
      const freeAt = isUsedUp ? Math.min(...times) + FORCE_WINDOW_S * 1000 : Math.max(0, ...times) + FORCE_INTERVAL_S * 1000
      if (time < freeAt) {
        const reason = isUsedUp ? `${MAX_FORCES_PER_DAY} times in a day` : `less than ${FORCE_INTERVAL_S} s ago`
        throw Object.assign(new Error(`A stable token was forced ${reason}; the platform allows no more`), {
          retryAfter: (freeAt - time) / 1000,
        })
      }
      permitsTaken += 1
      // The request may reach the platform as late as its time-out.
      return { value: [...times, time], expiresIn: timeout + FORCE_INTERVAL_S }
    },
  }
}

export interface StableFetcherParts {
  account: SecretAccount
  forceQuota: ForceQuota
  /** The key of the force quota. */
  permits: Secret<ForceTimes>
}

/** The fetcher of the stable token. */
export function stableFetcher({ account, forceQuota, permits }: StableFetcherParts): Fetcher<string> {
  /** Forces a token. `undefined` if that is not allowed now. */
  async function force(context: FetchContext<string>): Promise<Result<string> | undefined> {
    const takenBefore = forceQuota.permitsTaken
    const askedAt = performance.now()
    const times = await context.get<ForceTimes>(permits.key).catch(() => undefined)
    // There is no permit, or another process has just taken it.
    if (times === undefined || forceQuota.permitsTaken === takenBefore) return undefined
    if (context.signal.aborted || performance.now() - askedAt > PERMIT_LIFETIME_MS) return undefined
    // If this cannot be stored, the longer lifetime of the permit stays.
    const blockForces = (seconds: number) => permits.set(times, { expiresIn: seconds }).catch(() => {})
    try {
      const result = await fetchStableToken(account, true, context.signal)
      await blockForces(FORCE_INTERVAL_S)
      return result
    } catch (error) {
      // Without a response nobody knows when the request arrives, so the lifetime of the permit
      // stays.
      if (!(error instanceof WeChatError && error.kind === 'quota')) throw error
      // A program that shares no store with us has used up the platform's quota. Its end holds for
      // all of us.
      await blockForces(error.retryAfter ?? FORCE_INTERVAL_S)
      return undefined
    }
  }

  return async (context) => {
    // A plain request comes first, also for a dead token: another machine may have forced already,
    // and the platform renews the token by itself.
    const result = await fetchStableToken(account, false, context.signal)
    if (context.reason !== 'rejected' || result.value !== context.previous) return result
    // The same dead token ends in ERR_DOG_REJECTED under the back-off, until it can be forced or
    // the platform renews it.
    return (await force(context)) ?? result
  }
}
