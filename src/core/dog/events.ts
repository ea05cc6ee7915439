import type { DogEvent, DogEvents } from '../../../index.js'
import { nextTick } from '../shared/clock.js'

const EVENT_NAMES: readonly DogEvent[] = ['change', 'refresh', 'wait', 'takeover', 'warning']

/** Listeners of one dog. None of its events is called `error`, so that an unheard one ends no process. */
export class Events {
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

  /** A listener that throws breaks the program, not the engine: it throws from a tick of its own. */
  emit<E extends DogEvent>(event: E, payload: DogEvents[E]): void {
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
