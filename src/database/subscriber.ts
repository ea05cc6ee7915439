import { startTimer, stopTimer, type Timer } from '../core/shared/clock.js'
import type { ReconnectBackoff } from '../core/shared/reconnect-backoff.js'
import { withDeadline } from './deadline.js'

/** A connection on which the database sends messages. Must not keep the process alive. */
export interface MessageConnection {
  /** Rejects if the connection is dead. */
  ping(): Promise<unknown>
  /** Closes it without waiting: a server that does not answer does not say goodbye either. */
  close(): void
}

/**
 * Where a connection reports what happens on it. When `signal` aborts, the connection must be
 * closed, also while it is being opened.
 */
export interface ConnectionHandlers {
  onMessage(message: string): void
  onEnd(): void
  signal: AbortSignal
}

export interface SubscriberOptions {
  /** Opens a connection and subscribes on it. Must settle in time, and not keep the process alive. */
  open(handlers: ConnectionHandlers): Promise<MessageConnection>
  /** The wait before a lost connection is replaced. */
  backoff: ReconnectBackoff
  /**
   * Milliseconds between two pings: a connection that was cut on the way looks like one on which
   * nothing happens.
   */
  pingIntervalMs: number
  /** The error for a call after `close`. */
  closedError(): Error
}

/** `undefined`: a gap, in which messages may have been missed. */
type Listener = (message: string | undefined) => void

/** Longer than any connection takes to open. */
const KEEP_ALIVE_MS = 60_000

/**
 * One connection that is subscribed for all listeners, as long as there is one. A connection that
 * is lost is replaced. Knows nothing of keys or of any database.
 */
export class Subscriber {
  readonly #options: SubscriberOptions
  readonly #listeners = new Set<Listener>()
  #connection: MessageConnection | undefined
  #opening: Promise<void> | undefined
  /** Ends the current connection, open or opening. */
  #abort: AbortController | undefined
  #timer: Timer | undefined
  /** A connection was lost while there were listeners, and there is no new one yet. */
  #hasGap = false
  #isClosed = false

  constructor(options: SubscriberOptions) {
    this.#options = options
  }

  /**
   * Resolves when the subscription has begun, and keeps the process alive only until then. The
   * listener gets every message, and `undefined` after a gap. Returns a function that unsubscribes.
   */
  async subscribe(listener: Listener): Promise<() => void> {
    // The same function may be given twice.
    const own: Listener = (message) => listener(message)
    const unsubscribe = () => {
      this.#listeners.delete(own)
      if (this.#listeners.size === 0) this.#disconnect()
    }
    this.#listeners.add(own)
    const keepAlive = startTimer(() => {}, KEEP_ALIVE_MS)
    try {
      await this.#open()
    } catch (error) {
      unsubscribe()
      this.#reopenLater()
      throw error
    } finally {
      stopTimer(keepAlive)
    }
    return unsubscribe
  }

  async #open(): Promise<void> {
    if (this.#isClosed) throw this.#options.closedError()
    if (this.#connection !== undefined) return
    stopTimer(this.#timer)
    if (this.#opening === undefined) {
      const opening = this.#connect().finally(() => {
        if (this.#opening === opening) this.#opening = undefined
      })
      this.#opening = opening
    }
    await this.#opening
  }

  async #connect(): Promise<void> {
    const abort = new AbortController()
    this.#abort = abort
    let connection: MessageConnection | undefined
    let hasEnded = false
    connection = await this.#options.open({
      onMessage: (message) => this.#notify(message),
      onEnd: () => {
        hasEnded = true
        if (connection !== undefined) this.#onLost(connection)
      },
      signal: abort.signal,
    })
    if (abort.signal.aborted) {
      connection.close()
      throw this.#options.closedError()
    }
    if (hasEnded) throw new Error('the connection ended')
    this.#connection = connection
    this.#options.backoff.reset()
    this.#pingLater(connection)
    if (this.#hasGap) this.#notify(undefined)
    this.#hasGap = false
  }

  #pingLater(connection: MessageConnection): void {
    this.#arm(this.#options.pingIntervalMs, async () => {
      try {
        await withDeadline(connection.ping(), { isBackground: true })
        if (this.#connection === connection) this.#pingLater(connection)
      } catch {
        connection.close()
        this.#onLost(connection)
      }
    })
  }

  #notify(message: string | undefined): void {
    for (const listener of [...this.#listeners]) listener(message)
  }

  #onLost(connection: MessageConnection): void {
    if (this.#connection !== connection) return
    this.#connection = undefined
    this.#hasGap = true
    this.#reopenLater()
  }

  #reopenLater(): void {
    if (this.#listeners.size === 0) return
    this.#arm(this.#options.backoff.next(), () => this.#open().catch(() => this.#reopenLater()))
  }

  #arm(ms: number, task: () => unknown): void {
    stopTimer(this.#timer)
    this.#timer = startTimer(() => void task(), ms)
    this.#timer.unref()
  }

  #disconnect(): void {
    stopTimer(this.#timer)
    this.#hasGap = false
    this.#opening = undefined
    this.#abort?.abort()
    this.#connection?.close()
    this.#connection = undefined
  }

  /** For good. */
  close(): void {
    this.#isClosed = true
    this.#listeners.clear()
    this.#disconnect()
  }
}
