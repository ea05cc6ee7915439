import type { Dog } from 'dotdog'
import { ExitError } from '../../lib/exit-error.js'
import { textOf } from '../../lib/value-text.js'

/** Which key becomes which variable of a command's environment. */
export interface Variable {
  key: string
  name: string
}

/** Variables that decide what a program runs or loads: a value in one of them would be run. */
const REFUSED =
  /^(PATH|HOME|SHELL|USER|LOGNAME|IFS|ENV|PS4|SHELLOPTS|BASHOPTS|PROMPT_COMMAND|BASH_.*|LD_.*|DYLD_.*|NODE_.*|PYTHON.*|PERL.*|RUBY(LIB|OPT)|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|GIT_.*|PHP_INI_SCAN_DIR|PHPRC|DOTDOG_.*)$/i

/**
 * `KEY=NAME`, or `KEY` for the variable of that name in upper case.
 *
 * @throws ExitError (code 2) for a name that no variable may have.
 */
export function parseVariable(argument: string): Variable {
  const end = argument.lastIndexOf('=')
  const key = end < 0 ? argument : argument.slice(0, end)
  const name = end < 0 ? key.toUpperCase().replace(/[^A-Z0-9]/g, '_') : argument.slice(end + 1)
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw new ExitError(2, `A variable must have letters, digits and _, and begin with no digit`, 'Name it as KEY=NAME.')
  }
  if (REFUSED.test(name)) throw new ExitError(2, `The variable ${name} decides what programs run: it is refused`)
  return { key, name }
}

/**
 * The environment with the values in it.
 *
 * @throws ExitError (code 1) for a value that no variable can hold.
 */
export async function environmentWith(
  dog: Dog,
  variables: readonly Variable[],
  env: NodeJS.ProcessEnv,
): Promise<NodeJS.ProcessEnv> {
  const values = await Promise.all(variables.map(({ key }) => dog.get<unknown>(key)))
  const environment = { ...env }
  for (const [index, { key, name }] of variables.entries()) {
    const text = textOf(values[index])
    if (text.includes('\0')) throw new ExitError(1, `The value of ${key} has a NUL, which no variable can hold`)
    environment[name] = text
  }
  return environment
}
