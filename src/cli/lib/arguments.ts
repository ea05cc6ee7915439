import { ExitError } from './exit-error.js'

/** What several commands ask of their arguments. No message repeats an argument: it may be a secret. */

/** Arguments of every command that needs the configuration. */
export interface SessionArguments {
  config?: string | undefined
  dir?: string | undefined
}

/** The options of `parseArgs` for {@link SessionArguments}. */
export const SESSION_OPTIONS = { config: { type: 'string' }, dir: { type: 'string' } } as const

/** The one key of a command. */
export function oneKey(command: string, positionals: readonly string[]): string {
  const [key] = positionals
  if (key === undefined || positionals.length > 1) throw new ExitError(2, `dotdog ${command} takes one key`)
  return key
}

/** A number of seconds. */
export function secondsOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (!(seconds < 2 ** 31)) throw new ExitError(2, `${option} must be a number of seconds`)
  return seconds
}
