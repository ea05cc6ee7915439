/**
 * The access tokens of one family of one account: which of them are accepted at a given time. It
 * knows nothing of requests, accounts and the other family.
 */

/** 0 for an accepted token, otherwise the errcode of its refusal. */
export type TokenErrcode = 0 | 40001 | 41001 | 42001

export interface TokenSlotRules {
  /** Lifetime of a token, in seconds. */
  ttl: number
  /** Seconds for which a replaced token is still accepted. */
  overlap: number
  /** How many tokens are accepted at once: the newest one and its predecessors. */
  maxLive: number
  /** Returns a token that was never returned before. */
  mint: () => string
  /** Whether a replaced token is refused this time, although its overlap lasts. Default: never. */
  isFlapping?: () => boolean
}

interface LiveToken {
  token: string
  /** Epoch milliseconds. */
  expiresAt: number
}

export interface TokenSlot {
  /** The newest token, even if it was killed or has expired. */
  readonly newest: string | undefined
  /** Milliseconds until the newest token expires, even if it was killed; 0 if there is none. */
  remainingMs(now: number): number
  /**
   * Makes a token and returns it. The replaced token is accepted for the overlap. Tokens beyond
   * `maxLive` die at once.
   */
  rotate(now: number): string
  /** Whether a request with this token is served. */
  checkToken(token: string | undefined, now: number): TokenErrcode
  /** All live tokens die at once, as they do when another program fetches two tokens. */
  kill(): void
}

export function createTokenSlot({ ttl, overlap, maxLive, mint, isFlapping = () => false }: TokenSlotRules): TokenSlot {
  let newest: LiveToken | undefined
  let isKilled = false
  let replaced: LiveToken[] = []

  return {
    get newest() {
      return newest?.token
    },
    remainingMs: (now) => Math.max(0, (newest?.expiresAt ?? now) - now),
    rotate(now) {
      if (newest && !isKilled) {
        replaced.unshift({ token: newest.token, expiresAt: Math.min(now + overlap * 1000, newest.expiresAt) })
      }
      replaced = replaced.slice(0, Math.max(0, maxLive - 1))
      isKilled = false
      newest = { token: mint(), expiresAt: now + ttl * 1000 }
      return newest.token
    },
    checkToken(token, now) {
      if (token === undefined || token === '') return 41001
      if (token === newest?.token) return isKilled ? 40001 : now < newest.expiresAt ? 0 : 42001
      // It is not known what the real platform says of a replaced token whose own lifetime is over.
      // Here it is 40001, as for every other replaced token.
      return replaced.some((live) => live.token === token && now < live.expiresAt) && !isFlapping() ? 0 : 40001
    },
    kill() {
      isKilled = true
      replaced = []
    },
  }
}
