const RECORD_SUFFIX = ':record'

/**
 * Builds and parses the names that a store uses in Redis; no other file does. A key of dotdog has
 * three Redis keys, for its record, its state and its events: `dotdog:{ACCESS_TOKEN}:record`,
 * `…:state` and `…:events`. They share a hash tag, and so lie in one slot of a cluster.
 */
export class RedisKeys {
  /** Commits and releases are published here. */
  readonly channel: string
  readonly #tagStart: string

  constructor(prefix: string) {
    this.channel = `${prefix}changes`
    this.#tagStart = `${prefix}{`
  }

  /** The Redis keys of the record, of the state, and of the stream of events. */
  of(key: string): [record: string, state: string, stream: string] {
    const tag = `${this.#tagStart}${encodeKey(key)}}`
    return [`${tag}${RECORD_SUFFIX}`, `${tag}:state`, `${tag}:events`]
  }

  /**
   * A pattern for SCAN that matches the Redis keys of all records.
   *
   * @param keyPrefix what the client itself puts before every name
   */
  pattern(keyPrefix: string): string {
    return `${`${keyPrefix}${this.#tagStart}`.replace(/[\\*?[\]^]/g, '\\$&')}*}${RECORD_SUFFIX}`
  }

  /** The key whose record has this name. `undefined` if the name is none of ours. */
  keyOf(name: string, keyPrefix: string): string | undefined {
    const start = `${keyPrefix}${this.#tagStart}`
    if (!name.startsWith(start) || !name.endsWith(`}${RECORD_SUFFIX}`)) return undefined
    return decodeKey(name.slice(start.length, -RECORD_SUFFIX.length - 1))
  }
}

/**
 * A key in characters that cannot end a hash tag, mean nothing in a pattern, and are the same in
 * every encoding.
 */
export const encodeKey = (key: string): string => key.replace(/[^\w.:/~-]/gu, encodeCharacter)

/** `encodeURIComponent` keeps some characters that mean something in a pattern. */
const encodeCharacter = (character: string): string =>
  character < '\u0080'
    ? `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
    : encodeURIComponent(character)

export function decodeKey(text: string): string | undefined {
  try {
    const key = decodeURIComponent(text)
    return encodeKey(key) === text ? key : undefined
  } catch {
    return undefined
  }
}
