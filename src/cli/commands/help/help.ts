// dotdog help: what there is, and all about one command.
import { nearestName } from '../../../core/shared/validate.js'
import { ExitError } from '../../lib/exit-error.js'
import { write } from '../../lib/output.js'
import { EXIT_CODES, PAGES, type Page } from './pages.js'

export async function help([name]: string[]): Promise<void> {
  if (name === undefined) return write(overview())
  const page = Object.hasOwn(PAGES, name) ? PAGES[name] : undefined
  return page === undefined ? noSuchCommand(name) : write(pageText(page))
}

/** @throws ExitError (code 2) always. */
export function noSuchCommand(name: string): never {
  if (name === '') throw new ExitError(2, 'A command is missing')
  // The argument is not repeated: it may be a secret in the wrong place.
  const names = Object.keys(PAGES)
  const nearest = nearestName(name, names)
  const hint = nearest === undefined ? `there are ${names.join(', ')}` : `did you mean ${nearest}?`
  throw new ExitError(2, `There is no such command; ${hint}`)
}

function overview(): string {
  const width = Math.max(...Object.keys(PAGES).map((name) => name.length))
  const lines = Object.entries(PAGES).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  return `dotdog: keeps expiring secrets, with one fetch between all programs of a machine.

${lines.join('\n')}

dotdog help COMMAND has the options and an example of each. dotdog --version prints the version.

${EXIT_CODES}
`
}

function pageText({ usage, summary, options = [], example, notes = [] }: Page): string {
  const width = Math.max(0, ...options.map(([option]) => option.length))
  const optionLines = options.map(([option, meaning]) => `  ${option.padEnd(width)}  ${meaning}`)
  const parts = [`${usage}\n  ${summary}`, optionLines.join('\n'), notes.join('\n'), `Example:\n  ${example.join('\n  ')}`]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}
