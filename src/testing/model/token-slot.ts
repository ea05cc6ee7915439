// One account's place for access tokens of one family, as the platform keeps it: which are alive, over a clock that is given.
// It deliberately knows nothing of requests, accounts and the other family.

/** Why a token is refused, or 0. */
export type Verdict = 0 | 40001 | 41001 | 42001

export interface SlotRules {
  /** Seconds a token lives. */
  ttl: number
  /** Seconds the replaced token goes on being accepted. */
  overlap: number
  /** How many tokens are accepted at once: the current one and its predecessors. */
  maxLive: number
  /** Makes a token that was never made before. */
  mint: () => string
  /** Whether a replaced token is refused this once, though its overlap lasts. Default: never. */
  flaps?: () => boolean
}

interface Live {
  token: string
  /** Epoch milliseconds. */
  until: number
}

export interface Slot {
  /** The newest token, dead or alive. */
  readonly newest: string | undefined
  /** Milliseconds until the newest token ends by itself, whether it was killed or not; 0 if there is none. */
  remaining(now: number): number
  /** A new token. The replaced one lives on for the overlap; what is over `maxLive` dies at once. */
  rotate(now: number): string
  /** Whether a request with this token is served. */
  accept(token: string | undefined, now: number): Verdict
  /** All live tokens die at once, as after a leak procedure or somebody else's two fetches. */
  kill(): void
}

export function createSlot({ ttl, overlap, maxLive, mint, flaps = () => false }: SlotRules): Slot {
  let newest: Live | undefined
  let killed = false
  let previous: Live[] = []

  return {
    get newest() {
      return newest?.token
    },
    remaining: (now) => Math.max(0, (newest?.until ?? now) - now),
    rotate(now) {
      if (newest && !killed) previous.unshift({ token: newest.token, until: Math.min(now + overlap * 1000, newest.until) })
      previous = previous.slice(0, Math.max(0, maxLive - 1))
      killed = false
      newest = { token: mint(), until: now + ttl * 1000 }
      return newest.token
    },
    accept(token, now) {
      if (token === undefined || token === '') return 41001
      if (token === newest?.token) return killed ? 40001 : now < newest.until ? 0 : 42001
      // The real platform's answer for a replaced token that also outlived itself is not known: 40001, as for any other.
      return previous.some((live) => live.token === token && now < live.until) && !flaps() ? 0 : 40001
    },
    kill() {
      killed = true
      previous = []
    },
  }
}
