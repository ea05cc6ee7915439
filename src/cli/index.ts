#!/usr/bin/env node
// dotdog: the program.
import { Failure, USAGE } from './lib/exit-error.js'

type Command = (args: string[]) => Promise<void>

/** Each loads what it needs, and nothing else. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  serve: async () => (await import('./commands/operate/serve.js')).serve,
  token: async () => (await import('./commands/operate/token.js')).token,
}

async function main([name, ...args]: string[]): Promise<void> {
  if (name === undefined) throw new Failure(2, 'Which command?')
  if (name === '--help' || name === '-h' || name === 'help') return console.log(USAGE)
  if (name === '--version' || name === '-v') return console.log((require('dotdog/package.json') as { version: string }).version)
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  // Not repeated: what stands there by mistake may be a secret.
  if (load === undefined) throw new Failure(2, `There is no such command; there are ${Object.keys(COMMANDS).join(' and ')}`)
  if (args.includes('--help') || args.includes('-h')) return console.log(USAGE)
  const command = await load()
  await command(args)
}

// A reader that went away (dotdog … | head) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

main(process.argv.slice(2)).catch((error: Error & { code?: unknown }) => {
  const { code, message } = Failure.of(error)
  console.error(`dotdog: ${message}${code === 2 ? '\nTry dotdog --help.' : ''}`)
  process.exitCode = code
})
