// Keys without code: registers the keys of a configuration with a dog. Nothing is fetched here, no
// secret is resolved, and only the modules of the kinds that are used are loaded.
import type { Dog, Fetcher, KeyOptions } from 'dotdog'
import { checkValue, OBJECT } from '../../core/shared/validate.js'
import { commonOptions, type KeyEntry, kindOf } from './entry.js'
import type { SecretContext } from './secret.js'
import { wechatKeys } from './wechat-key.js'

export { keySchema, secretSchema } from './schema.js'
export { resolveSecret, type SecretContext, type SecretReference } from './secret.js'

/** What is read of a configuration. */
export interface KeysConfiguration {
  keys?: Readonly<Record<string, unknown>>
}

export interface RegisterOptions extends SecretContext {
  /**
   * Registers only the entries that these keys come from, and those that they depend on, so that a
   * command for one key loads only what that key needs. Default: all.
   */
  only?: readonly string[]
}

/**
 * Registers the keys of a configuration.
 *
 * @returns the names of all keys that were registered.
 * @throws TypeError for the first entry that is wrong: where it is and the rule, never a value.
 */
export async function registerKeys(dog: Dog, configuration: KeysConfiguration, options: RegisterOptions): Promise<string[]> {
  const { folder, env, only } = options
  checkValue('keys', configuration.keys, OBJECT)
  const entries: Record<string, unknown> = { ...configuration.keys }
  const names: string[] = []
  for (const key of only === undefined ? Object.keys(entries) : await entriesFor(only, entries)) {
    for (const name of await registerKey(dog, key, entries[key], { folder, env })) {
      if (names.includes(name)) throw new TypeError(`keys: two entries have the key ${JSON.stringify(name)}`)
      names.push(name)
    }
  }
  return names
}

async function registerKey(dog: Dog, key: string, given: unknown, secretContext: SecretContext): Promise<string[]> {
  const path = `keys.${key}`
  const kind = kindOf(path, given)
  const entry = given as KeyEntry
  if (kind === 'wechat') {
    const { registerWechat } = await import('./wechat-key.js')
    return await registerWechat(dog, path, key, entry, secretContext)
  }
  let fetcher: Fetcher<unknown>
  let options: KeyOptions = { isRejected }
  if (kind === 'command') {
    const { commandFetcher } = await import('./command-key.js')
    fetcher = commandFetcher(path, entry, secretContext)
  } else if (kind === 'http') {
    const { httpFetcher } = await import('./http-key.js')
    fetcher = httpFetcher(path, entry, secretContext)
  } else {
    const { fetcherRegistration } = await import('./fetcher-key.js')
    ;[fetcher, options] = await fetcherRegistration(path, kind, entry, secretContext)
  }
  dog.init(key, fetcher, { ...options, ...commonOptions(entry) })
  return [key]
}

/** An upstream says of most tokens by this status that they are dead. */
const isRejected = (error: unknown): boolean => (error as { status?: unknown } | null)?.status === 401

/** The entries from which these keys come, with all that they depend on. */
async function entriesFor(keys: readonly string[], entries: Record<string, unknown>): Promise<string[]> {
  const { keysIn } = await import('./text-template.js')
  const found = new Set<string>()
  const add = (key: string) => {
    for (const [name, entry] of Object.entries(entries)) {
      const provided =
        OBJECT.test(entry as never) && Object.hasOwn(entry as object, 'wechat') ? wechatKeys(name, entry as KeyEntry) : [name]
      if (!provided.includes(key) || found.has(name)) continue
      found.add(name)
      keysIn((entry as KeyEntry | null)?.http).forEach(add)
    }
  }
  keys.forEach(add)
  return [...found]
}
