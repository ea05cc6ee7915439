#!/usr/bin/env node
// The program `dotdog`: finds the command and runs it.
import { ExitError } from './lib/exit-error.js'
import { USAGE } from './lib/usage.js'

type Command = (args: string[]) => Promise<void>

/** Each command is loaded only when it runs. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  serve: async () => (await import('./commands/operate/serve.js')).serve,
  token: async () => (await import('./commands/operate/token.js')).token,
}

async function main([name, ...args]: string[]): Promise<void> {
  if (name === undefined) throw new ExitError(2, 'A command is missing')
  if (name === '--help' || name === '-h' || name === 'help') return console.log(USAGE)
  if (name === '--version' || name === '-v') return console.log((require('dotdog/package.json') as { version: string }).version)
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  // The argument is not repeated: it may be a secret in the wrong place.
  if (load === undefined) throw new ExitError(2, `There is no such command; there are ${Object.keys(COMMANDS).join(' and ')}`)
  if (args.includes('--help') || args.includes('-h')) return console.log(USAGE)
  const command = await load()
  await command(args)
}

// A reader that closed its pipe (dotdog … | head) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

main(process.argv.slice(2)).catch((error: unknown) => {
  const { code, message } = ExitError.of(error)
  console.error(`dotdog: ${message}${code === 2 ? '\nTry dotdog --help.' : ''}`)
  process.exitCode = code
})
