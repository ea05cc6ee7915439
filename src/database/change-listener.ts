import { startTimer, stopTimer, type Timer } from '../core/shared/clock.js'
import type { Backend } from './backend.js'

/** A subscription that could not begin is tried again after this time, for the watchers. */
const RESUBSCRIBE_DELAY_MS = 1000

/**
 * One subscription shared by all waiters and watchers of a store. It signals that a key changed,
 * not the new value.
 */
export class ChangeListener {
  readonly #backend: Backend
  readonly #waitersByKey = new Map<string, Set<(generation?: number) => void>>()
  readonly #watchers = new Set<(key: string | undefined) => void>()
  #subscription: Promise<() => void> | undefined
  #retryTimer: Timer | undefined

  constructor(backend: Backend) {
    this.#backend = backend
  }

  /**
   * Resolves when every later change will be noticed. Rejects if the subscription cannot begin now.
   */
  async open(): Promise<void> {
    this.#subscription ??= this.#backend.subscribe((key, generation) => this.#onChange(key, generation))
    const subscription = this.#subscription
    try {
      await subscription
    } catch (error) {
      if (this.#subscription === subscription) this.#subscription = undefined
      throw error
    }
  }

  /**
   * Calls `wake` when the key changed (with the generation of its record then), or may have
   * changed. Returns a function that ends the wait.
   */
  wait(key: string, wake: (generation?: number) => void): () => void {
    let waiters = this.#waitersByKey.get(key)
    if (waiters === undefined) this.#waitersByKey.set(key, (waiters = new Set()))
    const current = waiters.add(wake)
    return () => {
      current.delete(wake)
      if (current.size === 0 && this.#waitersByKey.get(key) === current) this.#waitersByKey.delete(key)
    }
  }

  /**
   * Notifies the watcher of every key that changed, and with `undefined` after a gap. Calls
   * `onUnavailable` once if the subscription cannot begin now; it is tried again. Returns a
   * function that ends the watch.
   */
  watch(watcher: (key: string | undefined) => void, onUnavailable: (error: unknown) => void): () => void {
    this.#watchers.add(watcher)
    this.#openForWatchers(onUnavailable)
    return () => void this.#watchers.delete(watcher)
  }

  #openForWatchers(onUnavailable: (error: unknown) => void): void {
    this.open().then(
      // Changes before this moment went unnoticed.
      () => this.#notifyWatchers(undefined),
      (error) => {
        onUnavailable(error)
        if (this.#watchers.size === 0 || this.#retryTimer !== undefined) return
        this.#retryTimer = startTimer(() => {
          this.#retryTimer = undefined
          if (this.#watchers.size > 0) this.#openForWatchers(() => {})
        }, RESUBSCRIBE_DELAY_MS)
        this.#retryTimer.unref()
      },
    )
  }

  #onChange(key: string | undefined, generation?: number): void {
    const waiterSets = key === undefined ? [...this.#waitersByKey.values()] : [this.#waitersByKey.get(key) ?? []]
    for (const waiters of waiterSets) for (const wake of [...waiters]) wake(generation)
    this.#notifyWatchers(key)
  }

  #notifyWatchers(key: string | undefined): void {
    for (const watcher of [...this.#watchers]) watcher(key)
  }

  async close(): Promise<void> {
    stopTimer(this.#retryTimer)
    this.#watchers.clear()
    const subscription = this.#subscription
    this.#subscription = undefined
    await subscription?.then((unsubscribe) => unsubscribe()).catch(() => {})
  }
}
