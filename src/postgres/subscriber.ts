import { startTimer, stopTimer, type Timer } from '../core/shared/clock.js'
import type { Apart, Connection } from './connection.js'
import { Bound, bounded } from './deadline.js'

/** Milliseconds until a lost connection is tried again: the first time, and at most. */
const FIRST = 50
const LAST = 2000
/** Milliseconds between two looks at whether the connection still answers: one that is cut on the way says nothing. */
const LOOK = 10_000

type Listener = (payload: string | undefined) => void

/** One connection that listens for all who want to hear, as long as there is one. Knows nothing of keys. */
export class Listening {
  readonly #connection: Connection
  readonly #statement: string
  readonly #listeners = new Set<Listener>()
  #client: Apart | undefined
  #opening: Promise<void> | undefined
  #timer: Timer | undefined
  #failures = 0
  /** A connection was lost while somebody listened, and there is no new one yet. */
  #hasGap = false

  constructor(connection: Connection, statement: string) {
    this.#connection = connection
    this.#statement = statement
  }

  /** Resolves when the listening has begun. The listener gets every payload, and undefined after a gap. */
  async listen(listener: Listener): Promise<() => void> {
    const own: Listener = (payload) => listener(payload)
    this.#listeners.add(own)
    try {
      await this.#open(true)
    } catch (error) {
      this.#leave(own)
      this.#reopenLater()
      throw this.#connection.fault(error)
    }
    return () => this.#leave(own)
  }

  #leave(listener: Listener): void {
    this.#listeners.delete(listener)
    if (this.#listeners.size === 0) this.close()
  }

  async #open(keepsAlive: boolean): Promise<void> {
    if (this.#client !== undefined) return
    stopTimer(this.#timer)
    this.#opening ??= this.#connect(keepsAlive).finally(() => (this.#opening = undefined))
    await this.#opening
  }

  async #connect(keepsAlive: boolean): Promise<void> {
    const client = await this.#connection.client()
    const bound = new Bound()
    try {
      const connected = client.connect()
      if (!keepsAlive) client.unref()
      await bound.of(connected)
      client.on('notification', ({ payload }) => this.#tell(payload ?? ''))
      await bound.of(client.query(this.#statement))
    } catch (error) {
      drop(client)
      throw error
    } finally {
      bound.end()
    }
    client.unref()
    if (this.#listeners.size === 0) return drop(client)
    this.#client = client
    this.#failures = 0
    client.on('end', () => this.#lost(client))
    this.#arm(LOOK, () => this.#look(client))
    if (this.#hasGap) this.#tell(undefined)
    this.#hasGap = false
  }

  #tell(payload: string | undefined): void {
    for (const listener of [...this.#listeners]) listener(payload)
  }

  async #look(client: Apart): Promise<void> {
    try {
      await bounded(client.query('SELECT 1'))
      if (this.#client === client) this.#arm(LOOK, () => this.#look(client))
    } catch {
      drop(client)
      this.#lost(client)
    }
  }

  #lost(client: Apart): void {
    if (this.#client !== client) return
    this.#client = undefined
    this.#hasGap = true
    this.#reopenLater()
  }

  #reopenLater(): void {
    if (this.#listeners.size === 0) return
    const most = Math.min(LAST, FIRST * 2 ** this.#failures++)
    // Spread, so that a server that comes back is not met by all at once.
    this.#arm(most / 2 + (Math.random() * most) / 2, () => this.#reopen())
  }

  async #reopen(): Promise<void> {
    try {
      await this.#open(false)
    } catch {
      this.#reopenLater()
    }
  }

  #arm(ms: number, task: () => void): void {
    stopTimer(this.#timer)
    this.#timer = startTimer(task, ms)
    this.#timer.unref()
  }

  close(): void {
    stopTimer(this.#timer)
    this.#listeners.clear()
    this.#hasGap = false
    const client = this.#client
    this.#client = undefined
    if (client !== undefined) drop(client)
  }
}

/** Without waiting: a server that does not answer does not say goodbye either. */
const drop = (client: Apart): void => {
  client.end().catch(() => {})
}
