import { extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { cleanMessage, ExitError } from '../../lib/exit-error.js'
import { importModule } from '../../lib/import-module.js'
import type { ConfigurationFile } from './configuration.js'
import { locate, parseConfiguration } from './parse.js'
import { schema } from './schema.js'
import { readTrusted } from './trust.js'
import { type Problem, validate } from './validate.js'

/** Reads a configuration, which is JSON or a module, and checks it. */

/**
 * Everything that is wrong with a configuration, each with its line and column.
 *
 * @throws ExitError (code 2) for a file that cannot be read, trusted or parsed.
 */
export async function checkConfiguration(path: string): Promise<{ data: unknown; problems: string[] }> {
  const text = readTrusted(path)
  const isModule = /^\.[cm]?js$/.test(extname(path))
  const data = isModule ? await loadModule(path) : await parseConfiguration(path, text)
  const problems = validate(schema, data)
  const describe = async ({ path: member, isName, message }: Problem) => {
    if (isModule) return `${path}: ${message}`
    const { line, column } = await locate(path, text, member, isName)
    return `${path}:${line}:${column}: ${message}`
  }
  return { data, problems: await Promise.all(problems.map(describe)) }
}

/** @throws ExitError (code 2) for the first thing that is wrong. */
export async function loadConfiguration(path: string): Promise<ConfigurationFile> {
  const { data, problems } = await checkConfiguration(path)
  const [first, ...rest] = problems
  if (first === undefined) return data as ConfigurationFile
  const more = rest.length === 0 ? undefined : `${rest.length} more: dotdog config check names all.`
  throw new ExitError(2, first, more)
}

/** A CommonJS or ES module that exports the configuration. */
async function loadModule(path: string): Promise<unknown> {
  try {
    const loaded = await importModule(pathToFileURL(path).href)
    return loaded.default ?? loaded['module.exports']
  } catch (error) {
    throw new ExitError(2, `${path} failed: ${cleanMessage(error)}`)
  }
}
