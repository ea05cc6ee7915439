// Finds out whether a token is dead before it is replaced: a client's word alone replaces nothing, or one with a bug would use up
// the account's fetches and kill everybody's tokens.
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServedAccount } from './account.js'

/** Milliseconds between two probes of a key. */
const SPACING = 30_000
/** Milliseconds a client waits for the verdict: some give up after three seconds. */
const PATIENCE = 2500

/**
 * Who says that the token is dead: a client by asking again, or the platform by its answer to a call that we passed on. They are
 * rationed apart: clients that ask without need must not keep us from looking at what the platform said.
 */
export type Witness = 'client' | 'platform'

export interface Probe {
  /**
   * Resolves when it is known whether the account's token is alive, and a dead one was replaced, as far as that can be had: at once
   * if there was a probe in the last 30 s.
   */
  report(account: ServedAccount, witness: Witness): Promise<void>
}

/** @param now epoch milliseconds. */
export function createProbe(now: () => number): Probe {
  const probes = new Map<string, { begun: number; verdict: Promise<unknown> }>()

  return {
    async report({ wx }, witness) {
      const name = `${witness} ${wx.accessToken.key}`
      let probe = probes.get(name)
      const time = now()
      if (probe === undefined || Math.abs(time - probe.begun) >= SPACING) {
        // Asks with the token, and if the platform says that it is dead, replaces it unless somebody already has. Whatever else
        // goes wrong changes nothing: the one who asks gets the value that we have.
        probe = { begun: time, verdict: wx.call('/cgi-bin/getcallbackip').catch(() => {}) }
        probes.set(name, probe)
      }
      const patience = new AbortController()
      const enough = sleep(PATIENCE, undefined, { signal: patience.signal }).catch(() => {})
      await Promise.race([probe.verdict, enough])
      patience.abort()
    },
  }
}
