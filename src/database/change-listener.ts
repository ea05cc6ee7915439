import { startTimer, stopTimer, type Timer } from '../core/shared/clock.js'
import type { Backend } from './backend.js'

/** Milliseconds until a listening that could not begin is tried again. */
const RETRY = 1000

/** One listening for all who wait for a key or watch them all. It hears that something happened, never what. */
export class Ear {
  readonly #backend: Backend
  readonly #waiting = new Map<string, Set<(generation?: number) => void>>()
  readonly #watchers = new Set<(key: string | undefined) => void>()
  #listening: Promise<() => void> | undefined
  #retry: Timer | undefined

  constructor(backend: Backend) {
    this.#backend = backend
  }

  /** Resolves when every later change is heard; rejects if nothing can be heard now. */
  async open(): Promise<void> {
    this.#listening ??= this.#backend.listen((key, generation) => this.#hear(key, generation))
    const listening = this.#listening
    try {
      await listening
    } catch (error) {
      if (this.#listening === listening) this.#listening = undefined
      throw error
    }
  }

  /** Calls when something happened to the key (the generation of its record then), or may have. Returns the end of waiting. */
  wait(key: string, wake: (generation?: number) => void): () => void {
    let waiting = this.#waiting.get(key)
    if (waiting === undefined) this.#waiting.set(key, (waiting = new Set()))
    const all = waiting.add(wake)
    return () => {
      all.delete(wake)
      if (all.size === 0 && this.#waiting.get(key) === all) this.#waiting.delete(key)
    }
  }

  /** Tells of every key, and of `undefined` after a gap. `onDeaf`: nothing can be heard for now. */
  watch(watcher: (key: string | undefined) => void, onDeaf: (error: unknown) => void): () => void {
    this.#watchers.add(watcher)
    this.#openForWatchers(onDeaf)
    return () => void this.#watchers.delete(watcher)
  }

  #openForWatchers(onDeaf: (error: unknown) => void): void {
    this.open().then(
      // What happened until now was not heard.
      () => this.#tellWatchers(undefined),
      (error) => {
        onDeaf(error)
        if (this.#watchers.size === 0 || this.#retry !== undefined) return
        this.#retry = startTimer(() => {
          this.#retry = undefined
          if (this.#watchers.size > 0) this.#openForWatchers(() => {})
        }, RETRY)
        this.#retry.unref()
      },
    )
  }

  #hear(key: string | undefined, generation?: number): void {
    const sets = key === undefined ? [...this.#waiting.values()] : [this.#waiting.get(key) ?? []]
    for (const waiting of sets) for (const wake of [...waiting]) wake(generation)
    this.#tellWatchers(key)
  }

  #tellWatchers(key: string | undefined): void {
    for (const watcher of [...this.#watchers]) watcher(key)
  }

  async close(): Promise<void> {
    stopTimer(this.#retry)
    this.#watchers.clear()
    const listening = this.#listening
    this.#listening = undefined
    await listening?.then((stop) => stop()).catch(() => {})
  }
}
