import type { Dog, KeyStatus } from 'dotdog'
import { Problem } from '../http/problem.js'
import type { EventHub } from './event-hub.js'

/** A value and its metadata, ready to be sent. */
export interface SerializedValue {
  readonly generation: number
  /** Epoch milliseconds. */
  readonly expiresAt: number
  readonly etag: string
  readonly body: string
  /** Of the body, in bytes. */
  readonly contentLength: string
}

interface CachedValue extends SerializedValue {
  readonly value: unknown
}

/** Serialized values are kept, because thousands of clients ask for the same few. */
const MAX_CACHED_VALUES = 256
const MAX_CACHED_BODY_CHARS = 16_384
/** A cached value is checked for being due at most this often. */
const DUE_CHECK_INTERVAL_MS = 100
/** A value that changes while it is read is read again, this often at most. */
const MAX_READS = 4

/** The values of the dog, serialized for clients. */
export class ValueCache {
  readonly #cached = new Map<string, CachedValue>()
  /**
   * The last change of a key. It describes a value that cannot be peeked at, because it expired
   * before its fetch ended.
   */
  readonly #lastChange = new Map<string, { generation: number; expiresAt: number }>()
  #knownKeys = new Set<string>()
  /** When a cached value was last checked for being due; epoch milliseconds, by key. */
  readonly #dueCheckedAt = new Map<string, number>()
  #statusRead: Promise<unknown> | undefined
  #nextStatusRead: Promise<unknown> | undefined

  constructor(
    readonly dog: Dog,
    hub: EventHub,
  ) {
    hub.subscribe(({ event, payload }) => {
      if (event !== 'change') return
      const { key, generation, expiresAt } = payload
      if (generation === undefined || expiresAt === undefined) {
        this.#lastChange.delete(key)
        this.#cached.delete(key)
      } else this.#lastChange.set(key, { generation, expiresAt })
    })
  }

  /** The valid value that is known now, if any. Never fetches. */
  cached(key: string): SerializedValue | undefined {
    const peeked = this.dog.peek<unknown>(key)
    if (peeked === undefined) return undefined
    const { value, generation, expiresAt } = peeked
    const cached = this.#cached.get(key)
    if (cached?.generation === generation && cached.expiresAt === expiresAt && isSame(cached.value, value)) return cached
    const serialized = serialize(key, value, generation, expiresAt)
    this.#store(key, { ...serialized, value })
    return serialized
  }

  /**
   * The valid value of a known key, if any, without waiting. A due value is refreshed in the
   * background. This is the path of nearly all requests.
   */
  refreshed(key: string): SerializedValue | undefined {
    if (!this.#knownKeys.has(key)) return undefined
    const cached = this.cached(key)
    if (cached === undefined) return undefined
    const now = Date.now()
    if (Math.abs(now - (this.#dueCheckedAt.get(key) ?? 0)) >= DUE_CHECK_INTERVAL_MS) {
      this.#dueCheckedAt.set(key, now)
      // `peek` does not refresh a due value; `get` does. Its failure is a warning, and the value is
      // still valid.
      this.dog.get(key).catch(() => {})
    }
    return cached
  }

  /**
   * A valid value, by `get` or by the given call. A value that expired before its fetch ended is
   * answered once.
   *
   * @throws Problem (503) if the value keeps changing, or what the dog throws.
   */
  async resolve(key: string, ask: () => Promise<unknown> = () => this.dog.get(key)): Promise<SerializedValue> {
    let value = await ask()
    for (let reads = 0; reads < MAX_READS; reads++) {
      const cached = this.cached(key)
      if (cached !== undefined) return cached
      const change = this.#lastChange.get(key)
      if (change !== undefined && change.expiresAt <= Date.now()) {
        return serialize(key, value, change.generation, change.expiresAt)
      }
      value = await this.dog.get(key)
    }
    throw new Problem(503, 'unsettled', 'The value changes faster than it can be answered', { retryAfter: 1 })
  }

  /**
   * Returns whether the key exists. Asking the dog for an unknown key would make it remember the
   * name.
   */
  async has(key: string): Promise<boolean> {
    if (this.#knownKeys.has(key)) return true
    // All callers share one status read that begins after their call; only one runs at a time.
    this.#nextStatusRead ??= Promise.resolve(this.#statusRead)
      .catch(() => {})
      .then(() => {
        this.#nextStatusRead = undefined
        this.#statusRead = this.statuses()
        return this.#statusRead
      })
    await this.#nextStatusRead
    return this.#knownKeys.has(key)
  }

  /** The statuses of all keys. */
  async statuses(): Promise<KeyStatus[]> {
    const statuses = await this.dog.status()
    this.#knownKeys = new Set(statuses.map(({ key }) => key))
    return statuses
  }

  #store(key: string, cached: CachedValue): void {
    this.#cached.delete(key)
    if (cached.body.length > MAX_CACHED_BODY_CHARS) return
    this.#cached.set(key, cached)
    if (this.#cached.size > MAX_CACHED_VALUES) this.#cached.delete(this.#cached.keys().next().value!)
  }
}

/**
 * `peek` returns a new copy of an object each time, so for objects the generation alone decides.
 */
const isSame = (cached: unknown, value: unknown): boolean => cached === value || (typeof value === 'object' && value !== null)

function serialize(key: string, value: unknown, generation: number, expiresAt: number): SerializedValue {
  // A string, not a buffer: Node sends it in one piece with the headers.
  const body = JSON.stringify({ key, value, expiresAt, generation })
  return { generation, expiresAt, etag: `"${generation}"`, body, contentLength: String(Buffer.byteLength(body)) }
}
