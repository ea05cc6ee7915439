import { accessSync, constants } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * Looks whether the secrets that a valid configuration refers to are there: variables and files. No
 * command is run.
 *
 * @returns a sentence for each one that is missing
 */
export function findReferences(path: string, data: unknown, env: NodeJS.ProcessEnv): string[] {
  const problems: string[] = []
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const names = Object.keys(value)
    const { env: variable, file } = value as { env?: unknown; file?: unknown }
    if (names.length === 1 && typeof variable === 'string' && !env[variable]) {
      problems.push(`${path}: the environment has no ${variable}`)
    } else if (names.length === 1 && typeof file === 'string') {
      const problem = problemOf(resolve(dirname(path), file))
      if (problem !== undefined) problems.push(`${path}: ${problem}`)
    } else Object.values(value).forEach(visit)
  }
  visit(data)
  return [...new Set(problems)]
}

function problemOf(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK)
    return undefined
  } catch (error) {
    return `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`
  }
}
