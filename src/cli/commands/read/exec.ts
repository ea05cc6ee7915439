// dotdog exec: runs a command with values in its environment.
import { constants } from 'node:os'
import { parseArgs } from 'node:util'
import { openSession, type Session } from '../../configuration/session.js'
import { SESSION_OPTIONS } from '../../lib/arguments.js'
import { cleanMessage, ExitError } from '../../lib/exit-error.js'
import { ChildCommand } from './child-command.js'
import { environmentWith, parseVariable, type Variable } from './environment.js'

export async function exec(args: string[]): Promise<void> {
  const split = args.indexOf('--')
  const [command, ...commandArgs] = split < 0 ? [] : args.slice(split + 1)
  if (command === undefined) throw new ExitError(2, 'dotdog exec needs -- and then a command')
  const { values, positionals } = parseArgs({
    args: args.slice(0, split),
    allowPositionals: true,
    options: { ...SESSION_OPTIONS, 'on-change': { type: 'string' } },
  })
  const onChange = reactionOf(values['on-change'])
  const given = positionals.map(parseVariable)
  const session = await openSession(values, { autoRefresh: onChange !== undefined })
  const variables = given.length > 0 ? given : session.keys.map(parseVariable)
  if (variables.length === 0) throw new ExitError(2, 'dotdog exec has no key: name one, or configure keys')
  for (const { name } of variables) {
    if (process.env[name] !== undefined) console.error(`dotdog: the variable ${name} is overwritten`)
  }
  const env = await environmentWith(session.dog, variables, process.env)
  const child = new ChildCommand(command, commandArgs)
  if (onChange !== undefined) followChanges(session, variables, env, child, onChange)
  const code = await child.run(env)
  process.exitCode = code
  // A fetch under way is finished and committed: no other process has its value.
  await session.dog.close()
}

type Reaction = 'restart' | NodeJS.Signals

function reactionOf(argument: string | undefined): Reaction | undefined {
  if (argument === undefined || argument === 'restart') return argument
  const signal = argument.startsWith('SIG') ? argument : `SIG${argument}`
  if (Object.hasOwn(constants.signals, signal)) return signal as NodeJS.Signals
  throw new ExitError(2, '--on-change must be restart or the name of a signal')
}

/** Restarts the command, or sends it a signal, when one of its values is another. */
function followChanges(
  { dog }: Session,
  variables: readonly Variable[],
  initial: NodeJS.ProcessEnv,
  child: ChildCommand,
  reaction: Reaction,
): void {
  let current = initial
  let isChecking = false
  let isOutdated = false
  const check = async () => {
    const next = await environmentWith(dog, variables, process.env)
    if (variables.every(({ name }) => next[name] === current[name])) return
    current = next
    if (reaction === 'restart') child.restart(next)
    else child.signal(reaction)
  }
  const checkUntilCurrent = async () => {
    isOutdated = true
    if (isChecking) return
    isChecking = true
    while (isOutdated) {
      isOutdated = false
      // A value that cannot be had now will be had at its next change: the command goes on with the old one.
      await check().catch((error: unknown) => console.error(`dotdog: ${cleanMessage(error)}`))
    }
    isChecking = false
  }
  dog.on('change', ({ key, generation }) => {
    if (generation !== undefined && variables.some((variable) => variable.key === key)) checkUntilCurrent()
  })
}
