import type { Acquired, AcquireRequest, Backend, Holder, LedgerText, RecordText, WaitResult } from '../database/backend.js'
import { type Deadline, DeadlineError, withDeadline, withRetries } from '../database/deadline.js'
import type { Subscriber } from '../database/subscriber.js'
import type { ConnectionProvider } from './connection-provider.js'
import { codeOf, isTransient, toPublicError } from './errors.js'
import { type Client, isCluster, mastersOf, type Redis } from './ioredis.js'
import { decodeKey, encodeKey, RedisKeys } from './redis-keys.js'
import { ACQUIRE, COMMIT, HOLDER, READ, READ_LEDGER, RELEASE, RENEW, type Script, WRITE_LEDGER } from './scripts.js'
import { StreamWaiter } from './stream-waiter.js'
import { subscriberTo } from './subscriber.js'

/** Keys that Redis examines in one step of a listing, during which it does nothing else. */
const KEYS_PER_SCAN = 1000
/** The wait before a script is sent again, each time on a new connection. */
const RETRY_DELAYS_MS = [0, 10, 20, 40, 80, 160]

/** The steps of a store, as scripts that Redis runs. */
export class RedisBackend implements Backend {
  readonly name = 'redis'
  readonly #connections: ConnectionProvider
  readonly #redisKeys: RedisKeys
  readonly #streamWaiter: StreamWaiter
  readonly #subscriber: Subscriber

  constructor(connections: ConnectionProvider, prefix: string) {
    this.#connections = connections
    this.#redisKeys = new RedisKeys(prefix)
    this.#streamWaiter = new StreamWaiter(connections)
    this.#subscriber = subscriberTo(connections, this.#redisKeys.channel)
  }

  get endpoint(): string {
    return this.#connections.endpoint
  }

  async read(key: string): Promise<string | undefined> {
    return ((await this.#run(READ, key)) as string | null) ?? undefined
  }

  async readLedger(key: string): Promise<string | undefined> {
    return ((await this.#run(READ_LEDGER, key)) as string | null) ?? undefined
  }

  async holder(key: string): Promise<Holder | undefined> {
    const reply = (await this.#run(HOLDER, key)) as [string, string, string, string] | null
    if (reply === null) return undefined
    const [fencingToken, name, msLeft, cursor] = reply
    return { fencingToken: Number(fencingToken), name, msLeft: Number(msLeft), ...(cursor !== '' && { cursor }) }
  }

  async waitBlocking(key: string, cursor: string, ms: number): Promise<WaitResult | undefined> {
    const [, , stream] = this.#redisKeys.of(key)
    return await withPublicErrors(() => this.#streamWaiter.wait(stream, cursor, ms))
  }

  async acquire(key: string, { nonce, holder, leaseMs, fencingTokenFloor }: AcquireRequest): Promise<Acquired | undefined> {
    const undo = (client: Client) => this.#evaluate(client, RELEASE, key, [...this.#releaseArgs(key, nonce), ''])
    const args = [nonce, holder, String(leaseMs), String(fencingTokenFloor)]
    const reply = (await this.#run(ACQUIRE, key, args, undo)) as [string, string] | null
    if (reply === null) return undefined
    const [fencingToken, evicted] = reply
    return { fencingToken: Number(fencingToken), ...(evicted !== '' && { evicted }) }
  }

  async renew(key: string, nonce: string, leaseMs: number): Promise<boolean> {
    return (await this.#run(RENEW, key, [nonce, String(leaseMs)])) === '1'
  }

  async writeLedger(key: string, nonce: string, { text, lastFencingToken }: LedgerText): Promise<boolean> {
    return (await this.#run(WRITE_LEDGER, key, [nonce, text, String(lastFencingToken)])) === '1'
  }

  async commit(key: string, nonce: string, record: RecordText | undefined, keepMs?: number): Promise<boolean> {
    const recordArgs = record === undefined ? ['', '', String(keepMs ?? '')] : [record.text, String(record.generation), '']
    return (await this.#run(COMMIT, key, [...this.#releaseArgs(key, nonce), ...recordArgs])) === '1'
  }

  async release(key: string, nonce: string, keepMs?: number): Promise<void> {
    await this.#run(RELEASE, key, [...this.#releaseArgs(key, nonce), String(keepMs ?? '')])
  }

  /** The arguments of a script that ends a lease and publishes that. */
  #releaseArgs(key: string, nonce: string): string[] {
    return [nonce, this.#redisKeys.channel, encodeKey(key)]
  }

  async *keys(): AsyncIterable<string> {
    const listed = new Set<string>()
    const { keyPrefix } = this.#connections
    const pattern = this.#redisKeys.pattern(keyPrefix)
    for (const node of await this.#nodes()) {
      let cursor = '0'
      do {
        const scan = () => withDeadline(node.scan(cursor, 'MATCH', pattern, 'COUNT', KEYS_PER_SCAN))
        const [nextCursor, names] = await withPublicErrors(scan)
        cursor = nextCursor
        for (const name of names) {
          const key = this.#redisKeys.keyOf(name, keyPrefix)
          if (key === undefined || listed.has(key)) continue
          listed.add(key)
          yield key
        }
      } while (cursor !== '0')
    }
  }

  /** The nodes that together hold all keys. */
  async #nodes(): Promise<Redis[]> {
    try {
      const client = await withDeadline(this.#connections.client())
      return isCluster(client) ? await withDeadline(mastersOf(client)) : [client]
    } catch (error) {
      this.#connections.drop(undefined)
      throw toPublicError(error)
    }
  }

  async subscribe(listener: (key: string | undefined, generation?: number) => void): Promise<() => void> {
    return await withPublicErrors(() =>
      this.#subscriber.subscribe((message) => {
        if (message === undefined) return listener(undefined)
        // A message is `generation key`, without a generation where there is no record.
        const space = message.indexOf(' ')
        listener(decodeKey(message.slice(space + 1)), Number(message.slice(0, space)) || undefined)
      }),
    )
  }

  async close(): Promise<void> {
    this.#streamWaiter.close()
    this.#subscriber.close()
    this.#connections.close()
  }

  /**
   * Runs a script within 500 ms. A connection that turns out to be cut, while it is made or later,
   * is replaced and the script sent again, which every script tolerates. Giving up on a commit
   * would cost a fetch.
   *
   * @param undo sent after a script that was not answered in time: Redis may run it when it wakes
   * up
   */
  async #run(script: Script, key: string, args: string[] = [], undo?: (client: Client) => Promise<unknown>): Promise<unknown> {
    /** The client to which the script was sent. */
    let client: Client | undefined
    const send = async (deadline: Deadline) => {
      client = undefined
      client = await deadline.race(this.#connections.client())
      return await deadline.race(this.#evaluate(client, script, key, args, deadline))
    }
    try {
      return await withRetries(send, {
        delaysMs: RETRY_DELAYS_MS,
        isTransient: (error) => isTransient(error, client !== undefined),
        onRetry: () => client !== undefined && this.#connections.drop(client),
      })
    } catch (error) {
      if (error instanceof DeadlineError) {
        if (client !== undefined) undo?.(client).catch(() => {})
        this.#connections.drop(client)
      }
      throw toPublicError(error)
    }
  }

  /**
   * Sends a script by its hash, and by its text where Redis does not know it (yet, or after a
   * restart), unless nobody waits for the answer any more. A script that ends a lease is sent by
   * its text at once, so that a Redis that wakes up later needs nothing more to run it.
   */
  async #evaluate(client: Client, script: Script, key: string, args: string[], deadline?: Deadline): Promise<unknown> {
    const { lua, sha } = script
    const redisKeys = this.#redisKeys.of(key)
    try {
      if (script !== COMMIT && script !== RELEASE) return await client.evalsha(sha, redisKeys.length, ...redisKeys, ...args)
    } catch (error) {
      if (codeOf(error) !== 'NOSCRIPT' || deadline?.isOver) throw error
    }
    return await client.eval(lua, redisKeys.length, ...redisKeys, ...args)
  }
}

async function withPublicErrors<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (error) {
    throw toPublicError(error)
  }
}
