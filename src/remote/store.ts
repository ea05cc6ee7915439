import { DogError, type DogRecord, type Lease, type Ledger, type Store } from 'dotdog'
import { pause } from '../core/shared/clock.js'
import { ChangePoller } from './change-poller.js'
import { type Call, type HttpClient, pathOf, type RemoteResponse } from './http-client.js'
import { isMissing, keysOf, problemOf, recordOf } from './responses.js'

/** Milliseconds in which the server must say what it has. */
const BOUND = 2000
/** Milliseconds for a value that has to be fetched there: the caller's own bound comes first. */
const LONGEST = 1_300_000

/**
 * The values of a central server. Nothing is fetched or written from here: what is missing or rejected is asked for there.
 * A key that was asked for twice is followed, so that a newer value is here before anybody asks.
 */
export class RemoteStore implements Store {
  readonly name = 'remote'
  readonly #channel: HttpClient
  readonly #known = new Map<string, DogRecord>()
  readonly #asked = new Set<string>()
  readonly #follows = new Map<string, ChangePoller>()
  readonly #watchers = new Set<(key: string) => void>()

  constructor(channel: HttpClient) {
    this.#channel = channel
  }

  read(key: string): DogRecord | undefined | Promise<DogRecord | undefined> {
    const known = this.#known.get(key)
    if (this.#follows.get(key)?.isLive && known !== undefined && known.expiresAt > Date.now()) return known
    return this.#read(key)
  }

  async #read(key: string): Promise<DogRecord | undefined> {
    // What must be fetched first is asked for by `refresh`, whose caller waits.
    const headers = { 'cache-control': 'only-if-cached' }
    const before = this.#known.get(key)
    const answer = await this.#ask(key, { path: pathOf(key), headers, timeout: BOUND })
    if (isMissing(answer)) {
      if (this.#known.get(key) === before) this.#known.delete(key)
    } else this.#recordOf(key, answer, before?.generation)
    if (this.#asked.has(key)) this.#follow(key)
    this.#asked.add(key)
    return this.#known.get(key)
  }

  async refresh(
    key: string,
    { rejected, after = 0, force }: { rejected?: unknown; after?: number; force: boolean },
    signal: AbortSignal,
  ): Promise<DogRecord> {
    const before = this.#known.get(key)?.generation
    // Where nothing is known, whatever comes is newer.
    const isNew = rejected !== undefined || after > 0 || force
    const body = { ...(rejected !== undefined && { rejected }), ...(after > 0 && { after }), ...(force && { force }) }
    const call: Call = isNew
      ? { method: 'POST', path: `${pathOf(key)}/refresh`, body, timeout: LONGEST }
      : { path: pathOf(key), timeout: LONGEST }
    return this.#recordOf(key, await this.#ask(key, { ...call, signal }), before)
  }

  /** The caller waits: the process stays alive for the answer. */
  async #ask(key: string, call: Call): Promise<RemoteResponse> {
    try {
      return await this.#channel.ask(call)
    } catch (error) {
      throw error instanceof DogError && error.code === 'ERR_DOG_STORE'
        ? new DogError('ERR_DOG_STORE', error.message, { key, cause: error.cause })
        : error
    }
  }

  #recordOf(key: string, answer: RemoteResponse, before: number | undefined): DogRecord {
    const record = answer.status === 200 ? recordOf(key, answer) : undefined
    if (record === undefined) throw problemOf(key, this.#channel.place, answer)
    return this.#keep(record, before)
  }

  /**
   * The same generation is the same record, whatever a clock says of it now. `before`: the generation that was known when
   * this one was asked for; where another came meanwhile, the older of both is late.
   */
  #keep(record: DogRecord, before: number | undefined): DogRecord {
    const known = this.#known.get(record.key)
    if (known?.generation === record.generation) return known
    if (known !== undefined && known.generation !== before && known.generation > record.generation) return known
    this.#known.set(record.key, record)
    return record
  }

  #follow(key: string): void {
    if (this.#follows.has(key)) return
    const follow = new ChangePoller(
      this.#channel,
      key,
      () => this.#known.get(key)?.generation,
      (record, since) => {
        if (this.#keep(record, since) === record) for (const watcher of [...this.#watchers]) watcher(key)
      },
    )
    this.#follows.set(key, follow)
  }

  readLedger(): Ledger | undefined {
    return undefined
  }

  async acquire(key: string): Promise<Lease | undefined> {
    const message = `${this.#channel.place}: "${key}" is set and removed where the server runs, not from here`
    throw new DogError('ERR_DOG_STORE', message, { key })
  }

  async waitForChange(key: string, seen: number | undefined, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.read(key))?.generation === seen) await pause(100, signal)
  }

  /** Tells of the keys that were asked for here. */
  watch(listener: (key: string) => void): () => void {
    this.#watchers.add(listener)
    for (const key of this.#asked) this.#follow(key)
    return () => void this.#watchers.delete(listener)
  }

  async *keys(): AsyncIterable<string> {
    const answer = await this.#channel.ask({ path: '/v1/keys', timeout: BOUND })
    const keys = keysOf(answer)
    if (keys === undefined) throw problemOf('*', this.#channel.place, answer)
    yield* keys
  }

  async close(): Promise<void> {
    for (const follow of this.#follows.values()) follow.stop()
    this.#follows.clear()
    await this.#channel.close()
  }
}
