import type { LogEntry } from 'dotdog/server'
import { durationInWords } from '../terminal/times.js'

/**
 * What a process that runs for long tells its operator, one line each: as text, or as JSON. Requests
 * go to standard output, all else to standard error. No line holds a secret.
 */

export type LogFormat = 'text' | 'json'

/** A key that has no new value, and why. */
export interface KeyFailure {
  key: string
  code: string
  reason: string
  /** What a person can do about it. */
  mend: string | undefined
  /** Failures in a row, over all processes. */
  count: number
  /** Epoch milliseconds before which no process fetches. */
  retryAt: number
}

export interface KeyRecovery {
  key: string
  /** Milliseconds from the first sign of the failure. */
  failedForMs: number
  count: number
}

const now = (): string => new Date().toISOString()

export class OperatorLog {
  constructor(readonly format: LogFormat) {}

  listening(address: string): void {
    if (this.format === 'text') console.log(`dotdog serves at ${address}`)
    else this.#json('info', 'listening', { address })
  }

  request({ method, route, key, client, status, ms, address, reason }: LogEntry): void {
    if (this.format === 'json') {
      const entry = { method, route, key, client, address, status, ms: Number(ms.toFixed(1)), reason }
      console.log(JSON.stringify({ time: now(), level: 'info', event: 'request', ...entry }))
      return
    }
    // The key and the reason may hold what a client sent, so each is quoted to stay on its line.
    const words = [method, route, quoted(key), client ?? '-', status, `${ms.toFixed(1)}ms`, address ?? '-']
    console.log(`${now()} ${words.join(' ')}${reason === undefined ? '' : ` ${quoted(reason)}`}`)
  }

  /** Something that an operator should know. */
  note(message: string): void {
    if (this.format === 'text') console.error(`${now()} dotdog: ${message}`)
    else this.#json('warn', 'note', { message })
  }

  failure({ key, code, reason, mend, count, retryAt }: KeyFailure): void {
    if (this.format === 'json') {
      const next = new Date(retryAt).toISOString()
      this.#json('error', 'failure', { key, code, reason, mend, count, retryAt: next })
      return
    }
    const advice = mend === undefined ? '' : ` What helps: ${mend}`
    console.error(`${now()} dotdog: ${quoted(key)} failed (${code}): ${oneLine(`${reason}${advice}`)}`)
  }

  recovery({ key, failedForMs, count }: KeyRecovery): void {
    if (this.format === 'json') {
      return void this.#json('info', 'recovery', { key, failedForSeconds: Math.round(failedForMs / 1000), count })
    }
    const duration = durationInWords(failedForMs, 'en')
    console.error(`${now()} dotdog: ${quoted(key)} works again after ${duration} and ${count} failed attempts`)
  }

  #json(level: 'info' | 'warn' | 'error', event: string, fields: object): void {
    console.error(JSON.stringify({ time: now(), level, event, ...fields }))
  }
}

const quoted = (text: string | undefined): string => (text === undefined ? '-' : JSON.stringify(text))
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
const oneLine = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
