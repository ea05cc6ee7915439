import { pause } from '../core/shared/clock.js'
import type { Backend, Claim, Holder, LedgerText, RecordText, Taken } from '../database/backend.js'
import type { Source } from './connection-provider.js'
import { BOUND, bounded, NoAnswer } from './deadline.js'
import { codeOf, failed, isPassing } from './errors.js'
import { type Client, isCluster, type Redis } from './ioredis.js'
import { decode, encode, Names } from './redis-keys.js'
import { COMMIT, HOLDER, LEDGER, NOTE, READ, RELEASE, RENEW, type Script, TAKE } from './scripts.js'
import { Line } from './stream-waiter.js'
import { Subscriber } from './subscriber.js'

/** Keys that Redis looks at in one step of a listing, during which it does nothing else. */
const SCANNED = 1000
/** Milliseconds before a script is sent again, each time on a new connection, as long as its time is not over. */
const PAUSES = [0, 10, 20, 40, 80, 160]

interface Attempt {
  /** To which it was sent. */
  client?: Client
  isOver: boolean
}

/** The steps of a store, as scripts that Redis runs. */
export class RedisBackend implements Backend {
  readonly name = 'redis'
  readonly #source: Source
  readonly #names: Names
  readonly #line: Line
  readonly #subscriber: Subscriber

  constructor(source: Source, prefix: string) {
    this.#source = source
    this.#names = new Names(prefix)
    this.#line = new Line(source)
    this.#subscriber = new Subscriber(source, this.#names.channel)
  }

  get place(): string {
    return this.#source.place
  }

  async read(key: string): Promise<string | undefined> {
    return ((await this.#run(READ, key)) as string | null) ?? undefined
  }

  async ledger(key: string): Promise<string | undefined> {
    return ((await this.#run(LEDGER, key)) as string | null) ?? undefined
  }

  async holder(key: string): Promise<Holder | undefined> {
    const found = (await this.#run(HOLDER, key)) as [string, string, string, string] | null
    if (found === null) return undefined
    const [number, name, left, mark] = found
    return { fencingToken: Number(number), name, left: Number(left), ...(mark !== '' && { mark }) }
  }

  park(key: string, mark: string, ms: number): Promise<{ text?: string } | undefined> {
    const [, , stream] = this.#names.of(key)
    return this.#line.park(stream, mark, ms).catch((error) => this.#refuse(error))
  }

  async take(key: string, { nonce, name, leaseMs, floor }: Claim): Promise<Taken | undefined> {
    const undo = (client: Client) => this.#evaluate(client, RELEASE, key, this.#ending(key, nonce))
    const taken = (await this.#run(TAKE, key, [nonce, name, String(leaseMs), String(floor)], undo)) as [string, string] | null
    if (taken === null) return undefined
    const [number, displaced] = taken
    return { number: Number(number), ...(displaced !== '' && { displaced }) }
  }

  async renew(key: string, nonce: string, leaseMs: number): Promise<boolean> {
    return (await this.#run(RENEW, key, [nonce, String(leaseMs)])) === '1'
  }

  async note(key: string, nonce: string, { text, last }: LedgerText): Promise<boolean> {
    return (await this.#run(NOTE, key, [nonce, text, String(last)])) === '1'
  }

  async commit(key: string, nonce: string, record: RecordText | undefined): Promise<boolean> {
    const written = record === undefined ? ['', ''] : [record.text, String(record.generation)]
    return (await this.#run(COMMIT, key, [...this.#ending(key, nonce), ...written])) === '1'
  }

  async release(key: string, nonce: string): Promise<void> {
    await this.#run(RELEASE, key, this.#ending(key, nonce))
  }

  #ending(key: string, nonce: string): string[] {
    return [nonce, this.#names.channel, encode(key)]
  }

  async *keys(): AsyncIterable<string> {
    const seen = new Set<string>()
    const { before } = this.#source
    const pattern = this.#names.pattern(before)
    for (const node of await this.#nodes()) {
      let cursor = '0'
      do {
        const step = () => node.scan(cursor, 'MATCH', pattern, 'COUNT', SCANNED)
        const [next, names] = await bounded(step(), BOUND).catch((error) => this.#refuse(error))
        cursor = next
        for (const name of names) {
          const key = this.#names.keyOf(name, before)
          if (key === undefined || seen.has(key)) continue
          seen.add(key)
          yield key
        }
      } while (cursor !== '0')
    }
  }

  /** All that hold keys. */
  async #nodes(): Promise<Redis[]> {
    try {
      const client = await bounded(this.#source.client(), BOUND)
      if (!isCluster(client)) return [client]
      // It knows its nodes when it has asked the first.
      if (client.nodes('master').length === 0) await bounded(client.ping(), BOUND)
      return client.nodes('master')
    } catch (error) {
      this.#source.drop(undefined)
      return this.#refuse(error)
    }
  }

  async listen(listener: (key: string | undefined, generation?: number) => void): Promise<() => void> {
    try {
      return await this.#subscriber.listen((text) => {
        if (text === undefined) return listener(undefined)
        // What is told is `generation key`; no generation where there is no record.
        const end = text.indexOf(' ')
        listener(decode(text.slice(end + 1)), Number(text.slice(0, end)) || undefined)
      })
    } catch (error) {
      return this.#refuse(error)
    }
  }

  async close(): Promise<void> {
    this.#line.close()
    this.#subscriber.close()
    this.#source.close()
  }

  /**
   * Runs a script, within the bound. `undo` is sent behind one that was sent and not answered: Redis may do it when it wakes
   * up.
   */
  async #run(script: Script, key: string, args: string[] = [], undo?: (client: Client) => Promise<unknown>): Promise<unknown> {
    const attempt: Attempt = { isOver: false }
    try {
      return await bounded(this.#attempt(attempt, script, key, args), BOUND)
    } catch (error) {
      attempt.isOver = true
      if (error instanceof NoAnswer) {
        if (attempt.client !== undefined) undo?.(attempt.client).catch(() => {})
        this.#source.drop(attempt.client)
      }
      return this.#refuse(error)
    }
  }

  /**
   * A connection that turns out to be cut, while it is made or later, is replaced and the script sent again, which all of them
   * stand. Giving up on a commit would cost a fetch.
   */
  async #attempt(attempt: Attempt, script: Script, key: string, args: string[]): Promise<unknown> {
    for (let tries = 0; ; tries++) {
      attempt.client = undefined
      try {
        const client = await this.#source.client()
        if (attempt.isOver) throw new NoAnswer()
        attempt.client = client
        return await this.#evaluate(client, script, key, args, attempt)
      } catch (error) {
        const { client, isOver } = attempt
        const ms = PAUSES[tries]
        if (isOver || ms === undefined || !isPassing(error, client !== undefined)) throw error
        if (client !== undefined) this.#source.drop(client)
        await pause(ms)
      }
    }
  }

  /**
   * By its hash; by its text where Redis does not know it (yet, or after a restart), unless nobody waits any more. What ends a
   * lease by its text at once: a Redis that wakes up when nobody waits any more has all it needs.
   */
  async #evaluate(client: Client, script: Script, key: string, args: string[], attempt?: Attempt): Promise<unknown> {
    const { lua, sha } = script
    const names = this.#names.of(key)
    try {
      if (script !== COMMIT && script !== RELEASE) return await client.evalsha(sha, names.length, ...names, ...args)
    } catch (error) {
      if (codeOf(error) !== 'NOSCRIPT' || attempt?.isOver) throw error
    }
    return await client.eval(lua, names.length, ...names, ...args)
  }

  #refuse(error: unknown): never {
    throw failed(error)
  }
}
