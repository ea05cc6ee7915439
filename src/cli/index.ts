#!/usr/bin/env node
// The program `dotdog`: finds the command and runs it.

import { write } from './lib/output.js'

/** The build puts the package's version here: to read it from package.json costs a start a tenth. */
declare const DOTDOG_VERSION: string

type Command = (args: string[]) => Promise<void>

/** Each command is loaded only when it runs. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  get: async () => (await import('./commands/read/get.js')).get,
  exec: async () => (await import('./commands/read/exec.js')).exec,
  status: async () => (await import('./commands/read/status.js')).status,
  render: async () => (await import('./commands/read/render.js')).render,
  refresh: async () => (await import('./commands/write/refresh.js')).refresh,
  set: async () => (await import('./commands/write/set.js')).set,
  import: async () => (await import('./commands/write/import.js')).importFile,
  rm: async () => (await import('./commands/write/rm.js')).rm,
  serve: async () => (await import('./commands/operate/serve.js')).serve,
  token: async () => (await import('./commands/operate/token.js')).token,
  doctor: async () => (await import('./commands/operate/doctor.js')).doctor,
  config: async () => (await import('./commands/help/config.js')).config,
  completion: async () => (await import('./commands/help/completion.js')).completion,
  help: async () => (await import('./commands/help/help.js')).help,
}

/** The arguments of the program itself: what `exec` runs has its own. */
const ownArguments = (args: string[]): string[] => (args.includes('--') ? args.slice(0, args.indexOf('--')) : args)

async function main([name = '', ...args]: string[]): Promise<void> {
  if (name === '--version' || name === '-v') {
    return write(`${DOTDOG_VERSION}\n`)
  }
  const wantsHelp = ownArguments(args).some((argument) => argument === '--help' || argument === '-h')
  if (name === '--help' || name === '-h') return (await COMMANDS.help!())([])
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (load === undefined) return (await import('./commands/help/help.js')).noSuchCommand(name)
  if (wantsHelp) return (await COMMANDS.help!())([name])
  const command = await load()
  await command(args)
}

main(process.argv.slice(2)).catch(async (error: unknown) => (await import('./lib/report-error.js')).reportError(error))
