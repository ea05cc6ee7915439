import type { DogError, DogErrorCode, Reason } from './index.js'

/** Payloads never hold a value. */
export interface DogEvents {
  /** A key has another value (or none), whichever process fetched it. Listening starts a watcher that keeps no process alive. */
  change: { key: string; generation: number | undefined; expiresAt: number | undefined; by: string | undefined }
  /** This process fetched. `durationMs`: milliseconds from taking the lease to the answer. `late`: the answer came after the time-out. */
  refresh: { key: string; generation: number; reason: Reason; durationMs: number; late: boolean }
  /**
   * The fetch of this process failed, for a caller or in the background. `retryAt`: epoch milliseconds before which
   * no process fetches; undefined if the failure is not recorded. `message` and `details` are redacted.
   */
  failure: {
    key: string
    code: DogErrorCode
    message: string
    details: DogError['details']
    retryAt: number | undefined
  }
  /** A caller in this process began to wait for the fetch of another process. */
  wait: { key: string; holder: string | undefined }
  /** This process took the lease of a dead or overdue holder. */
  takeover: { key: string; holder: string }
  /** Something went wrong and no caller was told of it. */
  warning: { key: string | undefined; code: string; message: string }
}

export type DogEvent = keyof DogEvents

/**
 * The channels of `node:diagnostics_channel` and their messages: the events of all dogs of the process, for those
 * who collect. Nothing is published while nobody subscribes.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel'
 *
 * subscribe('dotdog:failure', (message) => {
 *   const { key, code } = message as DogChannels['dotdog:failure']
 *   failures.add(1, { key, code })
 * })
 */
export interface DogChannels {
  'dotdog:fetch': DogEvents['refresh']
  'dotdog:failure': DogEvents['failure']
  'dotdog:wait': DogEvents['wait']
  'dotdog:takeover': DogEvents['takeover']
  /** Complete only where a dog listens to `change`; else what the process notices by itself. */
  'dotdog:change': DogEvents['change']
  'dotdog:warning': DogEvents['warning']
}
