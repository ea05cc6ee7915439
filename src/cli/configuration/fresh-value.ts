import { dirname } from 'node:path'
import { type DogRecord, fileStore } from 'dotdog'
import type { SessionArguments } from '../lib/arguments.js'
import { accountOfEnvironment, keysOf } from './accounts.js'
import type { ConfigurationFile } from './file/configuration.js'
import { findConfiguration } from './file/find.js'
import { readTrusted } from './file/trust.js'
import { folderOf } from './folder.js'

/**
 * Reads a value that needs nobody who can fetch. Most calls of `dotdog get` find one, and must not
 * take longer than a script that reads a file: so the schema, the kinds of keys and their modules
 * stay unloaded.
 */

/** A record from further in the future shows that a clock is wrong: the engine decides about it. */
const MAX_CLOCK_SKEW_MS = 60_000

/** With any other member, or a misspelt one, the whole configuration is read and checked. */
const PLAIN_MEMBERS = ['$schema', 'dir', 'keys', 'wechat', 'listen', 'clients']

/**
 * The record of a key, if it is fresh and belongs to the account of the configuration. `undefined`
 * where more has to be known.
 */
export async function freshRecord(args: SessionArguments, key: string): Promise<DogRecord | undefined> {
  const { env } = process
  const path = findConfiguration(args.config, env, process.cwd())
  const data = path === undefined ? accountOfEnvironment(env) : plainConfiguration(path)
  if (data === undefined) return undefined
  const folder = path === undefined ? process.cwd() : dirname(path)
  const record = await fileStore({ dir: folderOf(args.dir, { path, folder, data }, env, process.cwd()) }).read(key)
  if (record?.value === undefined || record.value === null) return undefined
  const now = Date.now()
  const isFresh = now < record.expiresAt - record.ahead * 1000 && record.fetchedAt <= now + MAX_CLOCK_SKEW_MS
  return isFresh && isOfAccount(record, data) ? record : undefined
}

function plainConfiguration(path: string): ConfigurationFile | undefined {
  if (!/\.jsonc?$/.test(path)) return undefined
  let data: unknown
  const text = readTrusted(path)
  try {
    data = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof data !== 'object' || data === null || !Object.keys(data).every((name) => PLAIN_MEMBERS.includes(name)))
    return undefined
  const { dir, wechat = [] } = data as ConfigurationFile
  return (dir === undefined || typeof dir === 'string') &&
    Array.isArray(wechat) &&
    wechat.every((account) => Object(account) === account)
    ? data
    : undefined
}

/** Whether the entry from which the key comes has the record's account. */
function isOfAccount({ key, identity }: DogRecord, data: ConfigurationFile): boolean {
  if (identity === undefined) return true
  const entries = Object.entries(keysOf(data, data.wechat))
  const own = entries.find(([name]) => name === key) ?? entries.find(([name]) => ticketsOf(name).includes(key))
  const { wechat, identity: given } = Object(own?.[1]) as { wechat?: { appId?: unknown }; identity?: unknown }
  return (given ?? wechat?.appId) === identity
}

function ticketsOf(name: string): string[] {
  const prefix = name.replace(/ACCESS_TOKEN(_STABLE)?$/, '')
  return [`${prefix}JSAPI_TICKET`, `${prefix}CARD_TICKET`]
}
