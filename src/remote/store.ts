import { DogError, type DogRecord, type Lease, type Ledger, type Store } from 'dotdog'
import { pause } from '../core/shared/clock.js'
import { ChangePoller } from './change-poller.js'
import { type HttpClient, pathOf, type RemoteRequest, type RemoteResponse } from './http-client.js'
import { errorOf, isMissing, keysOf, recordOf } from './responses.js'

/** The server must answer within this time what it has. */
const READ_TIMEOUT_MS = 2000
/**
 * A value that the server must fetch first may take this long. The caller's own time-out is
 * shorter.
 */
const FETCH_TIMEOUT_MS = 1_300_000
const WAIT_POLL_MS = 100

/** What a caller wants of `Store.refresh`. */
type RefreshWish = Parameters<NonNullable<Store['refresh']>>[1]

/**
 * The values of a central server. Nothing is fetched or written from here: a value that is missing
 * or rejected is requested from the server. A key that was read twice is followed by long polls, so
 * that a newer value is here before anybody asks.
 */
export class RemoteStore implements Store {
  readonly name = 'remote'
  readonly capabilities = ['watch', 'refresh', 'forget'] as const
  readonly #client: HttpClient
  readonly #known = new Map<string, DogRecord>()
  readonly #keysRead = new Set<string>()
  readonly #pollers = new Map<string, ChangePoller>()
  readonly #watchers = new Set<(key: string) => void>()

  constructor(client: HttpClient) {
    this.#client = client
  }

  read(key: string): DogRecord | undefined | Promise<DogRecord | undefined> {
    const known = this.#known.get(key)
    if (this.#pollers.get(key)?.isLive && known !== undefined && known.expiresAt > Date.now()) return known
    return this.#read(key)
  }

  async #read(key: string): Promise<DogRecord | undefined> {
    // A value that must be fetched first is requested by `refresh`, whose caller waits.
    const headers = { 'cache-control': 'only-if-cached' }
    const before = this.#known.get(key)
    const response = await this.#send(key, { path: pathOf(key), headers, timeoutMs: READ_TIMEOUT_MS })
    if (isMissing(response)) {
      if (this.#known.get(key) === before) this.#known.delete(key)
    } else this.#keepRecordOf(key, response, before?.generation)
    if (this.#keysRead.has(key)) this.#follow(key)
    this.#keysRead.add(key)
    return this.#known.get(key)
  }

  async refresh(key: string, { rejected, after = 0, force }: RefreshWish, signal: AbortSignal): Promise<DogRecord> {
    const before = this.#known.get(key)?.generation
    const wantsAnother = rejected !== undefined || after > 0 || force
    const request: RemoteRequest = { path: pathOf(key), timeoutMs: FETCH_TIMEOUT_MS, signal }
    if (wantsAnother) {
      request.method = 'POST'
      request.path += '/refresh'
      request.body = {
        ...(rejected !== undefined && { rejected }),
        ...(after > 0 && { after }),
        ...(force && { force }),
      }
    }
    return this.#keepRecordOf(key, await this.#send(key, request), before)
  }

  /** Unlike a poll, it keeps the process alive: a caller waits for the response. */
  async #send(key: string, request: RemoteRequest): Promise<RemoteResponse> {
    try {
      return await this.#client.send(request)
    } catch (error) {
      throw error instanceof DogError && error.code === 'ERR_DOG_STORE'
        ? new DogError('ERR_DOG_STORE', error.message, { key, cause: error.cause })
        : error
    }
  }

  #keepRecordOf(key: string, response: RemoteResponse, before: number | undefined): DogRecord {
    const record = response.status === 200 ? recordOf(key, response) : undefined
    if (record === undefined) throw errorOf(key, this.#client.endpoint, response)
    return this.#keep(record, before)
  }

  /**
   * Keeps a record and returns the one that is valid now. A record of the same generation is the
   * same record, even if the server's clock has changed since.
   *
   * @param before the generation that was known when this record was requested. If another record
   * came meanwhile, the older of both is a late response.
   */
  #keep(record: DogRecord, before: number | undefined): DogRecord {
    const known = this.#known.get(record.key)
    if (known?.generation === record.generation) return known
    if (known !== undefined && known.generation !== before && known.generation > record.generation) return known
    this.#known.set(record.key, record)
    return record
  }

  #follow(key: string): void {
    if (this.#pollers.has(key)) return
    const knownGeneration = () => this.#known.get(key)?.generation
    const onRecord = (record: DogRecord, since: number | undefined) => {
      if (this.#keep(record, since) === record) for (const watcher of [...this.#watchers]) watcher(key)
    }
    this.#pollers.set(key, new ChangePoller(this.#client, key, knownGeneration, onRecord))
  }

  readLedger(): Ledger | undefined {
    return undefined
  }

  async acquire(key: string): Promise<Lease | undefined> {
    const message = `${this.#client.endpoint}: "${key}" is set and removed where the server runs, not from here`
    throw new DogError('ERR_DOG_STORE', message, { key })
  }

  async waitForChange(key: string, seen: number | undefined, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.read(key))?.generation === seen) await pause(WAIT_POLL_MS, signal)
  }

  /** Notifies of the keys that were read here. */
  watch(listener: (key: string) => void): () => void {
    this.#watchers.add(listener)
    for (const key of this.#keysRead) this.#follow(key)
    return () => void this.#watchers.delete(listener)
  }

  /** The key is not followed any more, until it is read again. */
  forget(key: string): void {
    this.#known.delete(key)
    this.#keysRead.delete(key)
    this.#pollers.get(key)?.stop()
    this.#pollers.delete(key)
  }

  async *keys(): AsyncIterable<string> {
    const response = await this.#client.send({ path: '/v1/keys', timeoutMs: READ_TIMEOUT_MS })
    const keys = keysOf(response)
    if (keys === undefined) throw errorOf('*', this.#client.endpoint, response)
    yield* keys
  }

  async close(): Promise<void> {
    for (const poller of this.#pollers.values()) poller.stop()
    this.#pollers.clear()
    await this.#client.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
