import { Alarm } from '../shared/long-timer.js'

/** Without a value, one is looked for so often; milliseconds. */
export const LOOK = 60_000

/** What is refreshed, as the clockwork below sees it. */
export interface Refreshable {
  /** Whether a refresh is wanted at all. */
  isOn(): boolean
  /** Milliseconds until the value in memory is due; undefined if there is none that lives. */
  untilDue(): number | undefined
  /** Looks, and refreshes if it is due. Resolves to when to look again at the earliest, in milliseconds. */
  refresh(): Promise<number>
}

/** Refreshes a value when it is due, though nobody asks. Armed again after every firing, won, lost or failed. */
export class AutoRefresh {
  readonly #alarm = new Alarm()
  readonly #target: Refreshable

  constructor(target: Refreshable) {
    this.#target = target
  }

  /** @param earliest milliseconds from now */
  arm(earliest = 0): void {
    this.#alarm.stop()
    if (!this.#target.isOn()) return
    this.#alarm.set(Math.max(this.#target.untilDue() ?? 0, earliest), () => {
      this.#target.refresh().then(
        (wait) => this.arm(wait),
        () => this.arm(LOOK),
      )
    })
  }

  stop(): void {
    this.#alarm.stop()
  }
}
