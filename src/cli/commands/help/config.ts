// dotdog config: checks the configuration, or prints its schema.
import { parseArgs } from 'node:util'
import { findConfiguration } from '../../configuration/file/find.js'
import { checkConfiguration } from '../../configuration/file/load.js'
import { findReferences } from '../../configuration/file/references.js'
import { schema } from '../../configuration/file/schema.js'
import { ExitError } from '../../lib/exit-error.js'
import { write } from '../../lib/output.js'

export async function config(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { config: { type: 'string' } } })
  const [action] = positionals
  if (positionals.length !== 1 || (action !== 'check' && action !== 'schema')) {
    throw new ExitError(2, 'dotdog config takes check or schema')
  }
  if (action === 'schema') return write(`${JSON.stringify(schema, undefined, 2)}\n`)
  return check(values.config)
}

async function check(argument: string | undefined): Promise<void> {
  const path = findConfiguration(argument, process.env, process.cwd())
  if (path === undefined) throw new ExitError(2, `There is no dotdog.config.json at or above ${process.cwd()}`)
  const { data, problems } = await checkConfiguration(path)
  const missing = problems.length > 0 ? [] : findReferences(path, data, process.env)
  for (const problem of [...problems, ...missing]) console.error(problem)
  const count = problems.length + missing.length
  if (count > 0) throw new ExitError(2, `${path} has ${count === 1 ? 'a problem' : `${count} problems`}`)
  const { keys = {}, wechat = [] } = data as { keys?: object; wechat?: unknown[] }
  return write(`${path} is right: ${Object.keys(keys).length + wechat.length} keys\n`)
}
