// The fetcher of a stable token. A dead one comes back from a plain question, and has to be forced; forcing is rationed by the
// platform, so that all processes count it together, as a key of its own: whoever fetches that key may force once.
import type { FetchContext, Fetcher, KeyOptions, Result, Secret } from 'dotdog'
import { type Account, fetchStableToken } from './api/endpoints.js'
import { WeChatError } from './api/errors.js'

const LIMIT = 20
/** Seconds. A day, and the longest a request may be on its way. */
const WINDOW = 86_400 + 600
/** Seconds between two. */
const SPACING = 30
/** Milliseconds from asking for a place to using it: a process that was stopped in between must not force after its successor. */
const GOOD_FOR = 10_000

/**
 * Seconds before the end at which a stable token is due. The platform gives another one from 300 on: asked a little later
 * than that, it surely does, and the old one is still good.
 */
export const STABLE_AHEAD = 240

/** When tokens were forced, in the last day; epoch milliseconds. */
export type Forces = number[]

function recentForces(previous: unknown, now: number): Forces {
  if (!Array.isArray(previous)) return []
  const times = previous.filter((time): time is number => typeof time === 'number')
  // One from the future is a wrong clock's, but it was made.
  return times.map((time) => Math.min(time, now)).filter((time) => now - time < WINDOW * 1000)
}

/** The places in the ration. Taking one makes no request: it is counted before, as a process may be killed in mid-request. */
export interface Ration {
  readonly fetcher: Fetcher<Forces>
  readonly options: KeyOptions
  /** How many places this process has taken. */
  readonly taken: number
}

export function createRation(timeout: number, now: () => number = Date.now): Ration {
  let taken = 0
  return {
    get taken() {
      return taken
    },
    // Nobody may take a place by the way: neither ahead of time, nor by a timer.
    options: { timeout, refreshAhead: 0, autoRefresh: false, quota: { limit: LIMIT, window: WINDOW } },
    fetcher({ previous }) {
      const time = now()
      const times = recentForces(previous, time)
      const usedUp = times.length >= LIMIT
      const free = usedUp ? Math.min(...times) + WINDOW * 1000 : Math.max(0, ...times) + SPACING * 1000
      if (time < free) {
        const what = usedUp ? `${LIMIT} times in a day` : `${SPACING} s ago at the earliest`
        throw Object.assign(new Error(`A stable token was forced ${what}, which is all that the platform allows`), {
          retryAfter: (free - time) / 1000,
        })
      }
      taken += 1
      // Until the request is known to be over: it may arrive as late as it may end.
      return { value: [...times, time], expiresIn: timeout + SPACING }
    },
  }
}

export interface StableParts {
  account: Account
  ration: Ration
  /** The ration's key. */
  places: Secret<Forces>
}

/** The fetcher of the token. */
export function stableFetcher({ account, ration, places }: StableParts): Fetcher<string> {
  /** A forced token; `undefined` if it may not be forced now. */
  async function force(context: FetchContext<string>): Promise<Result<string> | undefined> {
    const before = ration.taken
    const asked = performance.now()
    const times = await context.get<Forces>(places.key).catch(() => undefined)
    // No place, or another process's of a moment ago.
    if (times === undefined || ration.taken === before) return undefined
    if (context.signal.aborted || performance.now() - asked > GOOD_FOR) return undefined
    // If this cannot be stored, the longer time of the place stands.
    const closeFor = (seconds: number) => places.set(times, { expiresIn: seconds }).catch(() => {})
    try {
      const answer = await fetchStableToken(account, true, context.signal)
      await closeFor(SPACING)
      return answer
    } catch (error) {
      // Without an answer nobody knows when the request arrives: the place stands, too.
      if (!(error instanceof WeChatError && error.kind === 'quota')) throw error
      // Somebody who shares no folder with us has used the platform's ration up: what it says goes for all of us.
      await closeFor(error.retryAfter ?? SPACING)
      return undefined
    }
  }

  return async (context) => {
    // Asked first, also for a dead one: another machine may have forced already, and the platform renews by itself.
    const answer = await fetchStableToken(account, false, context.signal)
    if (context.reason !== 'rejected' || answer.value !== context.previous) return answer
    // The dead one again is an ERR_DOG_REJECTED under the back-off, until it can be forced or the platform renews it.
    return (await force(context)) ?? answer
  }
}
