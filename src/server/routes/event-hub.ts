import type { Dog, DogEvent, DogEvents } from 'dotdog'

/** The server's one ear at the dog: a listener an event, however many clients wait. */

export const EVENTS: readonly DogEvent[] = ['change', 'refresh', 'wait', 'takeover', 'warning']

export type Told = { [E in DogEvent]: { event: E; payload: DogEvents[E] } }[DogEvent]

export class Hub {
  readonly #ears = new Set<(told: Told) => void>()
  readonly #listeners = EVENTS.map((event) => {
    const listener = (payload: unknown) => {
      for (const ear of this.#ears) ear({ event, payload } as Told)
    }
    return [event, listener] as const
  })
  #isOn = false

  constructor(readonly dog: Dog) {}

  /** Listening to changes starts the dog's watcher: not before there is a server. */
  start(): void {
    if (this.#isOn) return
    this.#isOn = true
    for (const [event, listener] of this.#listeners) this.dog.on(event, listener)
  }

  stop(): void {
    if (!this.#isOn) return
    this.#isOn = false
    for (const [event, listener] of this.#listeners) this.dog.off(event, listener)
  }

  hear(ear: (told: Told) => void): void {
    this.#ears.add(ear)
  }
}
