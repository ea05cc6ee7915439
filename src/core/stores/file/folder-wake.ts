import { startTimer, stopTimer, type Timer } from '../../shared/clock.js'
import * as io from './fs.js'

/** Milliseconds for which the watcher outlives the last who waited. */
const LINGER_MS = 1000

/**
 * Wakes waiters when something in the folder changes, by one system watcher however many wait. A help only: whoever waits
 * also polls, and where no watcher is to be had (the 129th of a user fails by default) polling is all.
 */
export class SharedFolderWatch {
  readonly #waiting = new Set<() => void>()
  #stop: (() => void) | undefined
  #failed = false
  #timer: Timer | undefined

  constructor(
    readonly folder: string,
    readonly warn: (code: string, message: string) => void,
  ) {}

  /** Whether waiters are woken: then they need not look so often. */
  get isOn(): boolean {
    return this.#stop !== undefined
  }

  /** Calls back on every change until the result is called. */
  subscribe(callback: () => void): () => void {
    this.#waiting.add(callback)
    if (this.#stop === undefined && !this.#failed) this.#start()
    return () => {
      this.#waiting.delete(callback)
      if (this.#waiting.size === 0) this.#endLater()
    }
  }

  #start(): void {
    const wakeAll = () => {
      for (const callback of this.#waiting) callback()
    }
    try {
      this.#stop = io.watchFolder(this.folder, wakeAll, () => this.#fail('stopped'))
    } catch (error) {
      this.#fail(io.codeOf(error) ?? 'failed')
    }
  }

  /** Not at once: who waited is about to be answered, as are all others on the machine, and may wait again soon. */
  #endLater(): void {
    stopTimer(this.#timer)
    this.#timer = startTimer(() => {
      if (this.#waiting.size === 0) this.#end()
    }, LINGER_MS)
    this.#timer.unref()
  }

  #fail(reason: string): void {
    this.#end()
    this.#failed = true
    this.warn('ERR_DOG_STORE', `${this.folder} cannot be watched (${reason}): polling instead`)
  }

  /** Ends the watcher now; a later wait makes another. */
  close(): void {
    stopTimer(this.#timer)
    this.#end()
  }

  #end(): void {
    this.#stop?.()
    this.#stop = undefined
  }
}
