import { isDogError, Problem } from '../http/problem.js'
import type { Hub } from './event-hub.js'
import type { Answer, Values } from './value-cache.js'

/**
 * Who waits for another value. One look a key answers all its waiters: at every change, at the value's expiry, and now and
 * then before it, so that a value that is due is refreshed although everybody only waits.
 */

/** An answer, why there is none, or that nothing happened in the time given. */
export type Outcome = Answer | Error | undefined

interface Waiter {
  since: number
  timer: NodeJS.Timeout
  settle(outcome: Outcome): void
}

interface Room {
  waiters: Set<Waiter>
  tick: NodeJS.Timeout | undefined
  isLooking: boolean
  isChanged: boolean
}

/** Milliseconds between two looks without a cause. */
const OFTEN = 50
const SELDOM = 5000
const AFTER_FAILURE = 1000

export class Polls {
  readonly #rooms = new Map<string, Room>()
  #open = 0

  constructor(
    readonly values: Values,
    hub: Hub,
    readonly limit: number,
  ) {
    hub.hear(({ event, payload }) => {
      if (event !== 'change' && event !== 'refresh') return
      const room = this.#rooms.get(payload.key)
      if (room !== undefined) this.#look(payload.key, room)
    })
  }

  get open(): number {
    return this.#open
  }

  /** Waits for a generation other than `since`, at most so many milliseconds. Returns what ends the wait without an answer. */
  wait(key: string, since: number, ms: number, settle: (outcome: Outcome) => void): () => void {
    if (this.#open >= this.limit) throw new Problem(503, 'too_many_polls', 'Too many long polls are open', { retryAfter: 5 })
    const room = this.#rooms.get(key) ?? { waiters: new Set(), tick: undefined, isLooking: false, isChanged: false }
    this.#rooms.set(key, room)
    const waiter: Waiter = { since, settle, timer: setTimeout(() => this.#leave(key, room, waiter, undefined), ms) }
    room.waiters.add(waiter)
    this.#open++
    // Between the caller's look and now there may have been a change.
    this.#look(key, room)
    return () => this.#leave(key, room, waiter)
  }

  #leave(key: string, room: Room, waiter: Waiter, ...outcome: [Outcome] | []): void {
    if (!room.waiters.delete(waiter)) return
    this.#open--
    clearTimeout(waiter.timer)
    if (room.waiters.size === 0 && this.#rooms.get(key) === room) {
      clearTimeout(room.tick)
      this.#rooms.delete(key)
    }
    if (outcome.length > 0) waiter.settle(outcome[0])
  }

  async #look(key: string, room: Room): Promise<void> {
    room.isChanged = true
    if (room.isLooking) return
    room.isLooking = true
    clearTimeout(room.tick)
    let next = AFTER_FAILURE
    while (room.isChanged && room.waiters.size > 0) {
      room.isChanged = false
      try {
        const answer = await this.values.current(key)
        next = untilNext(answer.expiresAt - Date.now())
        for (const waiter of room.waiters) if (waiter.since !== answer.generation) this.#leave(key, room, waiter, answer)
      } catch (error) {
        next = AFTER_FAILURE
        // There is no valid value, and they shall know.
        const told = isDogError(error) || error instanceof Problem ? (error as Error) : new Error('failed', { cause: error })
        for (const waiter of room.waiters) this.#leave(key, room, waiter, told)
      }
    }
    room.isLooking = false
    if (room.waiters.size > 0) room.tick = setTimeout(() => this.#look(key, room), next).unref()
  }
}

/** What was over when it came is not fetched in a loop. */
const untilNext = (remaining: number): number => (remaining <= 0 ? SELDOM : Math.max(OFTEN, Math.min(SELDOM, remaining / 20)))
