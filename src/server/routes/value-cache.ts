import type { Dog, KeyStatus } from 'dotdog'
import { Problem } from '../http/problem.js'
import type { Hub } from './event-hub.js'

/** A value with what belongs to it, as it goes over the wire. */
export interface Answer {
  readonly generation: number
  /** Epoch milliseconds. */
  readonly expiresAt: number
  readonly etag: string
  readonly body: string
  /** Of the body, in bytes. */
  readonly size: string
}

interface Kept extends Answer {
  readonly value: unknown
}

/** So many answers, each up to so many characters, are kept as they are sent: thousands of clients ask for the same few. */
const KEPT = 256
const LARGEST = 16_384
/** Milliseconds. */
const NUDGE = 100
/** A value that changes while we look at it is looked at again. */
const TRIES = 4

/** What the dog has, as answers. */
export class Values {
  readonly #kept = new Map<string, Kept>()
  /** What was last told of a key whose value cannot be looked at: it was over before it came. */
  readonly #told = new Map<string, { generation: number; expiresAt: number }>()
  #known = new Set<string>()
  /** When a value that was at hand was last asked for, so that it is refreshed when it is due. */
  readonly #nudged = new Map<string, number>()
  #running: Promise<unknown> | undefined
  #next: Promise<unknown> | undefined

  constructor(
    readonly dog: Dog,
    hub: Hub,
  ) {
    hub.hear(({ event, payload }) => {
      if (event !== 'change') return
      const { key, generation, expiresAt } = payload
      if (generation === undefined || expiresAt === undefined) {
        this.#told.delete(key)
        this.#kept.delete(key)
      } else this.#told.set(key, { generation, expiresAt })
    })
  }

  /** What is known and valid now. */
  ready(key: string): Answer | undefined {
    const peeked = this.dog.peek<unknown>(key)
    if (peeked === undefined) return undefined
    const { value, generation, expiresAt } = peeked
    const kept = this.#kept.get(key)
    if (kept?.generation === generation && kept.expiresAt === expiresAt && isSame(kept.value, value)) return kept
    const answer = answerOf(key, value, generation, expiresAt)
    this.#keep(key, { ...answer, value })
    return answer
  }

  /** The same for a key that is known, at once: what many clients ask for all the time. */
  atHand(key: string): Answer | undefined {
    if (!this.#known.has(key)) return undefined
    const answer = this.ready(key)
    if (answer === undefined) return undefined
    const time = Date.now()
    if (Math.abs(time - (this.#nudged.get(key) ?? 0)) >= NUDGE) {
      this.#nudged.set(key, time)
      // Looking does not refresh what is due; asking does. Its failure is a warning, and the value is valid.
      this.dog.get(key).catch(() => {})
    }
    return answer
  }

  /** A valid value, by `get` or what else is asked. A value whose lifetime is over when it comes is answered once, so. */
  async current(key: string, ask: () => Promise<unknown> = () => this.dog.get(key)): Promise<Answer> {
    let value = await ask()
    for (let left = TRIES; left > 0; left--) {
      const answer = this.ready(key)
      if (answer !== undefined) return answer
      const told = this.#told.get(key)
      if (told !== undefined && told.expiresAt <= Date.now()) return answerOf(key, value, told.generation, told.expiresAt)
      value = await this.dog.get(key)
    }
    throw new Problem(503, 'unsettled', 'The value changes faster than it can be answered', { retryAfter: 1 })
  }

  /** Whether there is such a key. Asking the dog for one that is not would make it remember the name. */
  async has(key: string): Promise<boolean> {
    if (this.#known.has(key)) return true
    // However many ask: one look after the other, and theirs begins after their question.
    this.#next ??= Promise.resolve(this.#running)
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        this.#running = this.statuses()
        return this.#running
      })
    await this.#next
    return this.#known.has(key)
  }

  /** The statuses of all keys. */
  async statuses(): Promise<KeyStatus[]> {
    const all = await this.dog.status()
    this.#known = new Set(all.map(({ key }) => key))
    return all
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.delete(key)
    if (kept.body.length > LARGEST) return
    this.#kept.set(key, kept)
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value!)
  }
}

/** Objects are copies each time: of them the generation decides alone. */
const isSame = (kept: unknown, value: unknown): boolean => kept === value || (typeof value === 'object' && value !== null)

function answerOf(key: string, value: unknown, generation: number, expiresAt: number): Answer {
  // A text: node sends it in one piece with the headers.
  const body = JSON.stringify({ key, value, expiresAt, generation })
  return { generation, expiresAt, etag: `"${generation}"`, body, size: String(Buffer.byteLength(body)) }
}
