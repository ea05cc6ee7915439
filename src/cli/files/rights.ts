import { readFileSync } from 'node:fs'
import { ExitError } from '../lib/exit-error.js'

/** Who may use a socket or a file that the program makes. */

/** An octal mode. @throws ExitError (code 2) that begins with the member or option. */
export function modeOf(what: string, text: string): number {
  if (/^0?[0-7]{3}$/.test(text)) return Number.parseInt(text, 8)
  throw new ExitError(2, `${what} must be an octal mode, such as "0660"`)
}

/** The number of a group. Node looks up no names. @throws ExitError (code 2) for a group that is not there. */
export function gidOf(what: string, group: string): number {
  if (/^\d+$/.test(group)) return Number(group)
  const groups = readFileSync('/etc/group', 'utf8').split('\n')
  const found = groups.map((line) => line.split(':')).find(([name]) => name === group)
  if (found === undefined) throw new ExitError(2, `${what}: /etc/group has no ${group}; give the number of the group`)
  return Number(found[2])
}
