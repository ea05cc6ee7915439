// Remembers which client got which token. It shows which client sends a request that has only an
// access token, and which client asks again for a token that it has. In memory, and without values:
// only their SHA-256.
import { createHash } from 'node:crypto'
import type { Client } from '../http/client.js'
import type { ServedAccount } from './account.js'

/**
 * A token is accepted this long after its `expires_in`: requests take time, and a client's clock
 * may be late.
 */
const EXPIRY_GRACE_S = 60
/**
 * A client that asks again this long before the end only renews: co-wechat-api does so 10 s early.
 */
const EARLY_RENEWAL_S = 15
/**
 * Values, and pairs of client and key: more than any server has alive at once. The oldest are
 * evicted.
 */
const MAX_ENTRIES = 10_000

interface Holder {
  /** The client now; undefined as soon as its client token is no longer valid. */
  client: () => Client | undefined
  /** Epoch milliseconds. */
  until: number
}

interface IssuedValue {
  account: ServedAccount
  key: string
  /**
   * By the client's name and the digest of its client token, of which it may have two. All that ever
   * got the value: a client that should forget it after 300 s may have kept it.
   */
  holders: Map<string, Holder>
}

export interface IssuedToken {
  account: ServedAccount
  client: Client
  /** Only its digest is kept. */
  clientToken: string
  /** Finds the client again while its client token is valid. */
  findClient: () => Client | undefined
  key: string
  value: string
  generation: number
  /** What the client is told, in seconds. */
  expiresIn: number
}

export interface IssuedTokens {
  /**
   * Returns whether this client has this generation already and need not ask again. It then takes
   * the value for dead.
   */
  isRepeatedRequest(client: Client, key: string, generation: number): boolean
  record(token: IssuedToken): void
  /** Returns whether a revoked client has this value. */
  heldByRevoked(value: string): boolean
  /**
   * The clients that got this value recently and may still have it. Undefined if a revoked client
   * has it as well, because all requests with the value look the same.
   */
  holdersOf(value: string): { account: ServedAccount; clients: Client[] } | undefined
}

/** The clients that a request with an access token may come from, for a log. */
export const namesOf = (clients: readonly Client[]): string => [...new Set(clients.map(({ name }) => name))].join(',')

// The time of a lookup by digest reveals nothing: a guess cannot be chosen so that its digest
// resembles another one.
const digestOf = (value: string): string => createHash('sha256').update(value).digest('base64')

function evictOldest(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    if (map.size <= MAX_ENTRIES) return
    map.delete(key)
  }
}

/** @param now epoch milliseconds */
export function createIssuedTokens(now: () => number): IssuedTokens {
  const valuesByDigest = new Map<string, IssuedValue>()
  /** The last token of each client and key. */
  const lastIssued = new Map<string, { generation: number; until: number }>()

  function dropExpired(): void {
    const time = now()
    for (const [digest, { account, holders }] of valuesByDigest) {
      // The current value keeps its holders, because it may be issued again and some holders may be
      // revoked.
      const isExpired = [...holders.values()].every(({ until }) => until <= time)
      if (isExpired && !isCurrent(account, digest)) valuesByDigest.delete(digest)
    }
    evictOldest(valuesByDigest)
    evictOldest(lastIssued)
  }

  return {
    isRepeatedRequest(client, key, generation) {
      const last = lastIssued.get(`${client.name}\0${key}`)
      return last?.generation === generation && now() < last.until - EARLY_RENEWAL_S * 1000
    },
    record({ account, client, clientToken, findClient, key, value, generation, expiresIn }) {
      const until = now() + expiresIn * 1000
      lastIssued.set(`${client.name}\0${key}`, { generation, until })
      const digest = digestOf(value)
      const known = valuesByDigest.get(digest)
      const issued: IssuedValue = known ?? { account, key, holders: new Map() }
      const holder = { client: findClient, until: until + EXPIRY_GRACE_S * 1000 }
      issued.holders.set(`${client.name} ${digestOf(clientToken)}`, holder)
      if (known !== undefined) return
      valuesByDigest.set(digest, issued)
      // Once for each new value is often enough.
      dropExpired()
    },
    heldByRevoked(value) {
      const issued = valuesByDigest.get(digestOf(value))
      return issued !== undefined && isHeldByRevoked(issued)
    },
    holdersOf(value) {
      const issued = valuesByDigest.get(digestOf(value))
      if (issued === undefined || isHeldByRevoked(issued)) return undefined
      const time = now()
      const recent = [...issued.holders.values()].filter(({ until }) => time < until)
      const clients = recent.flatMap(({ client }) => client() ?? [])
      return clients.length === 0 ? undefined : { account: issued.account, clients }
    },
  }
}

function isCurrent({ wx }: ServedAccount, digest: string): boolean {
  const value = wx.accessToken.peek()?.value
  return value !== undefined && digestOf(value) === digest
}

const isHeldByRevoked = ({ key, holders }: IssuedValue): boolean =>
  [...holders.values()].some(({ client }) => client()?.mayRead(key) !== true)
