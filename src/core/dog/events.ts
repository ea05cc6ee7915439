import type { DogEvent, DogEvents, DogRecord, Reason } from '../../../index.js'
import type { FetchEvents } from '../fetch/fetch-events.js'
import type { DogError } from '../model/errors.js'
import { nextTick } from '../shared/clock.js'
import { EVENT_NAMES, publish } from './channels.js'

/**
 * The listeners of one dog, and its debug output. No event is called `error`, so that an event without a
 * listener ends no process.
 */
export class Events implements FetchEvents {
  isDebugging = false
  /** Errors that were a `failure`, so that they are no `warning` besides. */
  readonly #reported = new WeakSet<DogError>()
  /** By key: until when its newest `failure` holds, until it is fetched. Epoch milliseconds. */
  readonly #failedUntil = new Map<string, number | undefined>()
  readonly #listeners = new Map<string, Set<(payload: never) => void>>(EVENT_NAMES.map((name) => [name, new Set()]))

  static isEvent(name: unknown): name is DogEvent {
    return EVENT_NAMES.includes(name as DogEvent)
  }

  add(event: DogEvent, listener: (payload: never) => void): void {
    this.#listeners.get(event)!.add(listener)
  }

  delete(event: DogEvent, listener: (payload: never) => void): void {
    this.#listeners.get(event)!.delete(listener)
  }

  count(event: DogEvent): number {
    return this.#listeners.get(event)!.size
  }

  onRefreshed(key: string, record: DogRecord, reason: Reason, durationMs: number, late: boolean): void {
    const { generation, expiresAt } = record
    this.debug(key, () => {
      const duration = `${Math.round(durationMs)} ms${late ? ', late' : ''}`
      return `fetched (${reason}) in ${duration}; until ${new Date(expiresAt).toISOString()}`
    })
    this.#failedUntil.delete(key)
    this.#emit('refresh', { key, generation, reason, durationMs, late })
  }

  onFailed(key: string, error: DogError): void {
    const { code, message, details, retryAt } = error
    this.debug(key, () => {
      const next = retryAt === undefined ? '' : `; the next fetch is allowed at ${new Date(retryAt).toISOString()}`
      return `failed (${code}): ${message}${next}`
    })
    this.#reported.add(error)
    this.#failedUntil.set(key, retryAt)
    this.#emit('failure', { key, code, message, details, retryAt })
  }

  onUnobserved(key: string, error: DogError): void {
    const { retryAt } = error
    const isReported = this.#reported.has(error) || (retryAt !== undefined && retryAt === this.#failedUntil.get(key))
    if (!isReported) this.onWarning(key, error.code, error.message)
  }

  /** Frees what is remembered of a key. */
  forget(key: string): void {
    this.#failedUntil.delete(key)
  }

  onWaiting(key: string, holder: string | undefined): void {
    this.debug(key, () => `waits for ${holder ?? 'another process'}`)
    this.#emit('wait', { key, holder })
  }

  onTakeover(key: string, holder: string): void {
    this.debug(key, () => `takes over from ${holder}`)
    this.#emit('takeover', { key, holder })
  }

  onChanged(key: string, record: DogRecord | undefined): void {
    const { generation, expiresAt, by } = record ?? {}
    this.debug(key, () => (record === undefined ? 'was removed' : `has a new value, fetched by ${by ?? 'an unknown process'}`))
    this.#emit('change', { key, generation, expiresAt, by })
  }

  onWarning(key: string | undefined, code: string, message: string): void {
    this.debug(key, () => `warning: ${message}`)
    this.#emit('warning', { key, code, message })
  }

  /** Prints what happens to a key, as guard_dog does, but on standard error: scripts print values on standard output. */
  debug(key: string | undefined, text: () => string): void {
    if (!this.isDebugging) return
    process.stderr.write(`\x1b[36mdotdog: ${key === undefined ? '' : `[${key}] `}${text()}\x1b[0m\n`)
  }

  /** A listener that throws breaks the program, not the engine: its error is thrown from a tick of its own. */
  #emit<E extends DogEvent>(event: E, payload: DogEvents[E]): void {
    publish(event, payload)
    for (const listener of this.#listeners.get(event)!) {
      try {
        listener(payload as never)
      } catch (error) {
        nextTick(() => {
          throw error
        })
      }
    }
  }
}
