// One account's place for access tokens, as the platform keeps it: which are alive, over a clock that is given. It deliberately
// knows nothing of requests and accounts.

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
}

interface Live {
  token: string
  /** Epoch milliseconds. */
  until: number
}

export interface Slot {
  /** The newest token, dead or alive. */
  readonly newest: string | undefined
  /** A new token. The replaced one lives on for the overlap; what is over `maxLive` dies at once. */
  rotate(now: number): string
  /** Whether a request with this token is served. */
  accept(token: string | undefined, now: number): Verdict
  /** All live tokens die at once, as after a leak procedure or somebody else's two fetches. */
  kill(): void
}

export function createSlot({ ttl, overlap, maxLive, mint }: SlotRules): Slot {
  let newest: string | undefined
  let current: Live | undefined
  let previous: Live[] = []

  return {
    get newest() {
      return newest
    },
    rotate(now) {
      if (current) previous.unshift({ token: current.token, until: Math.min(now + overlap * 1000, current.until) })
      previous = previous.slice(0, Math.max(0, maxLive - 1))
      newest = mint()
      current = { token: newest, until: now + ttl * 1000 }
      return newest
    },
    accept(token, now) {
      if (token === undefined || token === '') return 41001
      if (token === current?.token) return now < current.until ? 0 : 42001
      // The real platform's answer for a replaced token that also outlived itself is not known: 40001, as for any other.
      return previous.some((live) => live.token === token && now < live.until) ? 0 : 40001
    },
    kill() {
      current = undefined
      previous = []
    },
  }
}

export interface TicketWindow {
  /** The ticket of the window that `now` falls in. Asking again gives the same one. */
  at(now: number): string
}

/** Tickets: one for a whole window, whoever asks and however often. A window begins with the first question in it. */
export function createTicketWindow(ttl: number, mint: () => string): TicketWindow {
  let live: Live | undefined
  return {
    at(now) {
      if (!live || now >= live.until) live = { token: mint(), until: now + ttl * 1000 }
      return live.token
    },
  }
}
