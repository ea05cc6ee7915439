import { soon } from '../../clock.js'
import * as io from './io.js'

/**
 * Wakes waiters when something in the folder changes, by one system watcher however many wait. A help only: whoever waits
 * also polls, and where no watcher is to be had (the 129th of a user fails by default) polling is all.
 */
export class Wake {
  readonly #waiting = new Set<() => void>()
  #stop: (() => void) | undefined
  #failed = false

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
      // After the answer, which it would hold up.
      if (this.#waiting.size === 0) soon(() => this.#endIfIdle())
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

  #endIfIdle(): void {
    if (this.#waiting.size === 0) this.#end()
  }

  #fail(reason: string): void {
    this.#end()
    this.#failed = true
    this.warn('ERR_DOG_STORE', `${this.folder} cannot be watched (${reason}): polling instead`)
  }

  #end(): void {
    this.#stop?.()
    this.#stop = undefined
  }
}
