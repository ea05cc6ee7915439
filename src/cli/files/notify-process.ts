import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { readTrusted } from '../configuration/file/trust.js'
import { ExitError } from '../lib/exit-error.js'

/** Tells a program that its file has changed: by a signal to the process that its pid file names. */

export interface Notification {
  signal: NodeJS.Signals
  pidFile: string
}

/** `HUP` or `SIGHUP`. @throws ExitError (code 2) for no signal. */
export function signalOf(option: string, text: string): NodeJS.Signals {
  const signal = text.startsWith('SIG') ? text : `SIG${text}`
  if (Object.hasOwn(constants.signals, signal)) return signal as NodeJS.Signals
  throw new ExitError(2, `${option} must be the name of a signal, such as HUP`)
}

/**
 * A program that does not run reads the file when it starts: that is no failure.
 *
 * @returns whether there was a process to tell
 * @throws ExitError for a pid file that others can write, or that has no process in it.
 */
export function notifyProcess({ signal, pidFile }: Notification): boolean {
  if (!existsSync(pidFile)) return false
  const text = readTrusted(pidFile, 'it decides which process gets the signal').trim()
  // 0 and negative numbers are groups of processes, and 1 is the system.
  if (!/^[1-9]\d{0,9}$/.test(text) || text === '1') throw new ExitError(1, `${pidFile} has no number of a process`)
  try {
    process.kill(Number(text), signal)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ESRCH') return false
    throw new ExitError(1, `the process of ${pidFile} cannot be sent ${signal} (${code})`)
  }
}
