import type { Dog, DogEvent, DogEvents } from 'dotdog'

export const EVENTS: readonly DogEvent[] = ['change', 'refresh', 'failure', 'wait', 'takeover', 'warning']

export type HubEvent = { [E in DogEvent]: { event: E; payload: DogEvents[E] } }[DogEvent]

/**
 * Forwards the events of a dog to the parts of the server, with one listener for each event
 * however many clients wait.
 */
export class EventHub {
  readonly #subscribers = new Set<(event: HubEvent) => void>()
  readonly #listeners = EVENTS.map((event) => {
    const listener = (payload: unknown) => {
      for (const notify of this.#subscribers) notify({ event, payload } as HubEvent)
    }
    return [event, listener] as const
  })
  #isStarted = false

  constructor(readonly dog: Dog) {}

  /**
   * Listens to the dog. A listener for `change` starts the dog's watcher, so this waits until the
   * server listens.
   */
  start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    for (const [event, listener] of this.#listeners) this.dog.on(event, listener)
  }

  stop(): void {
    if (!this.#isStarted) return
    this.#isStarted = false
    for (const [event, listener] of this.#listeners) this.dog.off(event, listener)
  }

  subscribe(subscriber: (event: HubEvent) => void): void {
    this.#subscribers.add(subscriber)
  }
}
