// Finds out whether a token is dead before it is replaced. A client's word alone replaces nothing:
// a client with a bug would use up the account's fetches and kill the tokens of all others.
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServedAccount } from './account.js'

/** Between two probes of a key for the same kind of reporter. */
const MIN_PROBE_INTERVAL_MS = 30_000
/**
 * A report waits this long for the result of the probe: some clients give up after three seconds.
 */
const MAX_REPORT_WAIT_MS = 2500

/**
 * Who reports a dead token: a client by asking again, or the platform by its answer to a proxied
 * call. Each kind has its own interval: clients that ask without need must not prevent the probe
 * of what the platform said.
 */
export type Reporter = 'client' | 'platform'

export interface TokenProbe {
  /**
   * Resolves when it is known whether the account's token is alive. A dead token is then replaced,
   * if possible. Does not probe again within 30 s of the last probe.
   */
  report(account: ServedAccount, reporter: Reporter): Promise<void>
}

/** @param now epoch milliseconds */
export function createTokenProbe(now: () => number): TokenProbe {
  const probes = new Map<string, { startedAt: number; result: Promise<unknown> }>()

  return {
    async report({ wx }, reporter) {
      const id = `${reporter} ${wx.accessToken.key}`
      let probe = probes.get(id)
      const time = now()
      if (probe === undefined || Math.abs(time - probe.startedAt) >= MIN_PROBE_INTERVAL_MS) {
        // Calls with the token. If the platform says that it is dead, `call` replaces it, unless
        // another process already has. Any other failure changes nothing: the reporter gets the
        // current value.
        probe = { startedAt: time, result: wx.call('/cgi-bin/getcallbackip').catch(() => {}) }
        probes.set(id, probe)
      }
      const waiting = new AbortController()
      const timeout = sleep(MAX_REPORT_WAIT_MS, undefined, { signal: waiting.signal }).catch(() => {})
      await Promise.race([probe.result, timeout])
      waiting.abort()
    },
  }
}
