import { dirname } from 'node:path'
import { accountOfEnvironment, keysOf } from '../../configuration/accounts.js'
import type { Configuration, ConfigurationFile } from '../../configuration/file/configuration.js'
import { findConfiguration } from '../../configuration/file/find.js'
import { checkConfiguration } from '../../configuration/file/load.js'
import { findReferences } from '../../configuration/file/references.js'
import { chooseFolder } from '../../configuration/folder.js'
import type { SessionArguments } from '../../lib/arguments.js'
import { ExitError } from '../../lib/exit-error.js'
import type { ConfigurationFacts, PlaceFacts } from './facts.js'

/** The configuration, what is wrong with it, and where the values are. */
export async function configurationFacts(args: SessionArguments, env: NodeJS.ProcessEnv): Promise<ConfigurationFacts> {
  const facts: ConfigurationFacts = {
    path: undefined,
    refusal: undefined,
    problems: [],
    missing: [],
    keyCount: 0,
    isEncrypted: false,
    hasAccountOfEnvironment: false,
    place: { kind: 'none', message: '', hint: undefined },
  }
  let data: ConfigurationFile = {}
  try {
    facts.path = findConfiguration(args.config, env, process.cwd())
    if (facts.path === undefined) data = accountOfEnvironment(env)
    else {
      const checked = await checkConfiguration(facts.path)
      facts.problems = checked.problems
      if (facts.problems.length === 0) {
        data = checked.data as ConfigurationFile
        facts.missing = findReferences(facts.path, data, env)
      }
    }
    facts.keyCount = Object.keys(keysOf(data, data.wechat)).length
  } catch (error) {
    facts.refusal = ExitError.of(error).message
  }
  facts.hasAccountOfEnvironment = facts.path === undefined && data.keys !== undefined
  facts.isEncrypted = data.encryptionKey !== undefined
  const folder = facts.path === undefined ? process.cwd() : dirname(facts.path)
  facts.place = placeOf(args.dir, { path: facts.path, folder, data }, env)
  return facts
}

function placeOf(argument: string | undefined, configuration: Configuration, env: NodeJS.ProcessEnv): PlaceFacts {
  const { store } = configuration.data
  if (store !== undefined && argument === undefined) {
    const url = typeof store === 'string' ? store : 'url' in store ? store.url : ''
    // Not the URL: it may hold a password.
    return { kind: 'store', scheme: /^[a-z+]+(?=:)/.exec(url)?.[0] ?? 'secret' }
  }
  try {
    return { kind: 'folder', ...chooseFolder(argument, configuration, env, process.cwd()) }
  } catch (error) {
    const { message, hint } = ExitError.of(error)
    return { kind: 'none', message, hint }
  }
}
