// What was handed to whom, in memory: it is how a client shows who it is where only an access token is sent, and how a client that
// asks again is noticed. Holds no value, only SHA-256 of values.
import { createHash } from 'node:crypto'
import type { Client } from '../http/client.js'
import type { ServedAccount } from './account.js'

/** Seconds a value is known after its `expires_in`: a request takes a moment, and a client's clock may be late. */
const GRACE = 60
/** Seconds before the end in which a client that asks again only renews: co-wechat-api is 10 s ahead. */
const EARLY = 15
/** Values, and pairs of client and key: more than any server has alive at once. The oldest go first. */
const MOST = 10_000

interface Holder {
  /** Who that is now: undefined as soon as the token of ours is no longer good. */
  client: () => Client | undefined
  /** Epoch milliseconds. */
  until: number
}

interface Handed {
  account: ServedAccount
  key: string
  /** By the client's name. All who ever got it: who is told to forget it after 300 s may have kept it. */
  holders: Map<string, Holder>
}

export interface Handout {
  account: ServedAccount
  client: Client
  /** Finds the client again, for as long as it is one. */
  find: () => Client | undefined
  key: string
  value: string
  generation: number
  /** What the client is told, in seconds. */
  expiresIn: number
}

export interface Handouts {
  /** Whether this client has this generation already, and should not need to ask: it takes the value for dead. */
  isRepeated(client: Client, key: string, generation: number): boolean
  note(handout: Handout): void
  /** Whether somebody has this value who may not have it any more: a revoked client. */
  isAstray(value: string): boolean
  /**
   * Whose value this is: who got it lately, and may have it still. Of one that is astray nobody's: all who send it look the
   * same.
   */
  holdersOf(value: string): { account: ServedAccount; clients: Client[] } | undefined
}

// A lookup by digest tells nothing by its time: nobody can choose how far the digest of a guess agrees with another one.
const digest = (value: string): string => createHash('sha256').update(value).digest('base64')

function bound(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    if (map.size <= MOST) return
    map.delete(key)
  }
}

/** @param now epoch milliseconds. */
export function createHandouts(now: () => number): Handouts {
  const values = new Map<string, Handed>()
  const last = new Map<string, { generation: number; until: number }>()

  function dropOld(): void {
    const time = now()
    for (const [name, { account, holders }] of values) {
      // One that may be handed out again keeps its holders: some may be no clients any more.
      const isOver = [...holders.values()].every(({ until }) => until <= time)
      if (isOver && !isCurrent(account, name)) values.delete(name)
    }
    bound(values)
    bound(last)
  }

  return {
    isRepeated(client, key, generation) {
      const known = last.get(`${client.name}\0${key}`)
      return known?.generation === generation && now() < known.until - EARLY * 1000
    },
    note({ account, client, find, key, value, generation, expiresIn }) {
      const until = now() + expiresIn * 1000
      last.set(`${client.name}\0${key}`, { generation, until })
      const name = digest(value)
      const known = values.get(name)
      const handed: Handed = known ?? { account, key, holders: new Map() }
      handed.holders.set(client.name, { client: find, until: until + GRACE * 1000 })
      if (known !== undefined) return
      values.set(name, handed)
      // Once a rotation is often enough.
      dropOld()
    },
    isAstray(value) {
      const handed = values.get(digest(value))
      return handed !== undefined && isAstray(handed)
    },
    holdersOf(value) {
      const handed = values.get(digest(value))
      if (handed === undefined || isAstray(handed)) return undefined
      const time = now()
      const clients = [...handed.holders.values()].filter(({ until }) => time < until).flatMap(({ client }) => client() ?? [])
      return clients.length === 0 ? undefined : { account: handed.account, clients }
    },
  }
}

function isCurrent({ wx }: ServedAccount, name: string): boolean {
  const value = wx.accessToken.peek()?.value
  return value !== undefined && digest(value) === name
}

const isAstray = ({ key, holders }: Handed): boolean =>
  [...holders.values()].some(({ client }) => client()?.mayRead(key) !== true)
