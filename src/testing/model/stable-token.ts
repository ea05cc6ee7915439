// The rules of stable_token over a slot of its own: the same token for everybody until shortly before its end, and forced
// refreshes, which are few. It deliberately knows nothing of requests.
import { type Counter, createCounter, dayOf } from './quota-counter.js'
import { createSlot, type Slot, type SlotRules } from './token-slot.js'

export interface StableRules extends SlotRules {
  /** Seconds before its end from which a call gets a new token. */
  stableAhead: number
  /** Forced refreshes a day. */
  forced: number
  /** Seconds between two forced refreshes; an earlier one gets the current token. */
  forceGap: number
  /** Whether the gap counts from any rotation, or from forced ones only. The real platform's rule is not known. */
  forceGapFrom: 'force' | 'rotation'
  /** Whether a force that came too early uses up one of the day's. The real platform's rule is not known. */
  earlyForceCounts: boolean
}

export interface StableAnswer {
  token: string
  /** Whole seconds that remain, rounded down. */
  expiresIn: number
  /** Whether it is new, and why. */
  rotated: false | 'due' | 'forced'
}

export interface StableSlot extends Pick<Slot, 'newest' | 'accept' | 'kill'> {
  readonly forces: Counter
  /** The token for everybody: a new one only if there is none, or in the last minutes. A killed one is answered all the same. */
  ask(now: number): StableAnswer
  /** A new token, if enough time went by since the last one. `undefined`: the day's forced refreshes are used up. */
  force(now: number): StableAnswer | undefined
}

export function createStableSlot(rules: StableRules): StableSlot {
  const slot = createSlot(rules)
  const forces = createCounter(rules.forced, dayOf)
  let lastForce = Number.NEGATIVE_INFINITY
  let lastRotation = Number.NEGATIVE_INFINITY

  function answer(now: number, rotated: StableAnswer['rotated']): StableAnswer {
    return { token: slot.newest!, expiresIn: Math.floor(slot.remaining(now) / 1000), rotated }
  }

  function rotate(now: number, why: 'due' | 'forced'): StableAnswer {
    slot.rotate(now)
    lastRotation = now
    return answer(now, why)
  }

  function ask(now: number): StableAnswer {
    const ahead = rules.stableAhead * 1000
    // The second test is for an `ahead` of 0.
    return slot.remaining(now) < ahead || slot.remaining(now) === 0 ? rotate(now, 'due') : answer(now, false)
  }

  return {
    forces,
    get newest() {
      return slot.newest
    },
    accept: slot.accept,
    kill: slot.kill,
    ask,
    force(now) {
      const last = rules.forceGapFrom === 'force' ? lastForce : lastRotation
      if (now < last + rules.forceGap * 1000) {
        return rules.earlyForceCounts && !forces.take(now) ? undefined : ask(now)
      }
      if (!forces.take(now)) return undefined
      lastForce = now
      return rotate(now, 'forced')
    },
  }
}
