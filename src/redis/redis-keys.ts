/**
 * What things are called in Redis. A key has three names, of its record, its state and its events, which share a hash tag and
 * so lie in one slot of a cluster: `dotdog:{ACCESS_TOKEN}:record`, `…:state`, `…:events`. The one place that builds and parses
 * them.
 */
const TAIL = ':record'

export class Names {
  /** Where commits and releases are told. */
  readonly channel: string
  readonly #head: string

  constructor(prefix: string) {
    this.channel = `${prefix}changes`
    this.#head = `${prefix}{`
  }

  /** The names of the record, of the state, and of the stream of what happens. */
  of(key: string): [record: string, state: string, stream: string] {
    const tag = `${this.#head}${encode(key)}}`
    return [`${tag}${TAIL}`, `${tag}:state`, `${tag}:events`]
  }

  /** Matches the names of all records. `before`: what the client puts before every name. */
  pattern(before: string): string {
    return `${`${before}${this.#head}`.replace(/[\\*?[\]^]/g, '\\$&')}*}${TAIL}`
  }

  /** The key of a record's name; undefined if it is none of ours. */
  keyOf(name: string, before: string): string | undefined {
    const head = `${before}${this.#head}`
    if (!name.startsWith(head) || !name.endsWith(`}${TAIL}`)) return undefined
    return decode(name.slice(head.length, -TAIL.length - 1))
  }
}

/** Any text as letters that end no hash tag, have no place in a pattern, and are the same in every encoding. */
export const encode = (key: string): string => key.replace(/[^\w.:/~-]/gu, encodeCharacter)

/** `encodeURIComponent` leaves some alone that mean something in a pattern. */
const encodeCharacter = (character: string): string =>
  character < '\u0080'
    ? `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
    : encodeURIComponent(character)

export function decode(text: string): string | undefined {
  try {
    const key = decodeURIComponent(text)
    return encode(key) === text ? key : undefined
  } catch {
    return undefined
  }
}
