// Reads and checks dotdog.config.json. It holds no secret: secrets are in the environment or in
// files of their own.
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { ClientConfig } from 'dotdog/server'
import { resolveFolder } from '../../core/shared/home-folder.js'
import { BOOLEAN, checkMembers, LIST, OBJECT, type Rule, type Rules, required, TEXT } from '../../core/shared/validate.js'
import { ExitError } from './exit-error.js'

export interface AccountConfig {
  appId: string
  appSecret: string
  stable?: boolean
  prefix?: string
  baseUrl?: string
}

export interface ListenConfig {
  socket?: string
  port?: number
  host?: string
  behindProxy?: boolean
  tlsCert?: string
  tlsKey?: string
  hosts?: string[]
  socketMode?: string
  socketGroup?: string
}

export interface Config {
  /** The folder that relative paths start from. */
  folder: string
  listen: ListenConfig
  dir?: string
  module?: string
  wechat: AccountConfig[]
  /** The files that hold secrets. */
  secretFiles: string[]
  clients?: ClientConfig[]
  /** `keys`, `store` and `encryptionKey`, which the schema of the configuration checks. */
  others: Record<string, unknown>
}

/** The configuration as the file has it: references to secrets, and paths relative to the file. */
interface ConfigFile {
  listen?: ListenConfig
  dir?: string
  module?: string
  wechat?: unknown[]
  clients?: ClientConfig[]
}

const NUMBER: Rule = { test: (value: unknown) => typeof value === 'number', rule: 'must be a number', isSecret: true }
const TEXTS: Rule = {
  test: (value: unknown) => Array.isArray(value) && value.every((entry) => typeof entry === 'string'),
  rule: 'must be a list of strings',
}
/** Checked elsewhere. */
const ANYTHING: Rule = { test: () => true, rule: '' }

/** Checked by the schema of the configuration. */
const OTHER_MEMBERS = ['keys', 'store', 'encryptionKey', '$schema']

const CONFIG_RULES: Rules = {
  ...Object.fromEntries(OTHER_MEMBERS.map((name) => [name, ANYTHING])),
  listen: OBJECT,
  dir: TEXT,
  module: TEXT,
  wechat: LIST,
  clients: LIST,
}
const LISTEN_RULES: Rules = {
  socket: TEXT,
  port: NUMBER,
  host: TEXT,
  hosts: TEXTS,
  behindProxy: BOOLEAN,
  tlsCert: TEXT,
  tlsKey: TEXT,
  socketMode: TEXT,
  socketGroup: TEXT,
}
const ACCOUNT_RULES: Rules = { appId: required(TEXT), appSecret: ANYTHING, stable: BOOLEAN, prefix: TEXT, baseUrl: TEXT }
const SECRET_RULES: Rules = { env: TEXT, file: TEXT }

/** @throws ExitError (code 2) always. */
function fail(message: string): never {
  throw new ExitError(2, message)
}

/**
 * Reads a secret from where the configuration says: `{ "env": "NAME" }` or `{ "file": "path" }`.
 * The secret itself is refused, because it would stand in backups and repositories.
 */
function readSecret(path: string, reference: unknown, folder: string): string {
  const rule = `${path} must be {"env": "NAME"} or {"file": "path"}`
  if (typeof reference === 'string') {
    return fail(`${rule}, not the secret itself: a configuration is copied, mailed and committed`)
  }
  if (!OBJECT.test(reference as never)) return fail(rule)
  const { env, file } = checkMembers<{ env?: string; file?: string }>(path, reference, SECRET_RULES)
  if (env !== undefined && file === undefined) return process.env[env] || fail(`${path}: the environment has no ${env}`)
  if (file === undefined || env !== undefined) return fail(rule)
  let secret: string
  try {
    secret = readFileSync(resolve(folder, file), 'utf8').trim()
  } catch (error) {
    return fail(`${path}: the file cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
  return secret || fail(`${path}: the file is empty`)
}

/** @throws ExitError or TypeError for the first thing that is wrong. */
function readFile(path: string): ConfigFile {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    return fail(`${path} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // Not the parser's own message, which quotes the text.
    return fail(`${path} is not JSON`)
  }
  return checkMembers<ConfigFile>('the configuration', parsed, CONFIG_RULES)
}

function accountOf(entry: unknown, index: number, folder: string): AccountConfig {
  const path = `wechat[${index}]`
  const account = checkMembers<AccountConfig>(path, entry, ACCOUNT_RULES)
  return { ...account, appSecret: readSecret(`${path}.appSecret`, account.appSecret, folder) }
}

function secretFileOf(entry: unknown, folder: string): string[] {
  const { file } = Object((entry as AccountConfig).appSecret) as { file?: string }
  return file === undefined ? [] : [resolve(folder, file)]
}

/**
 * Reads the whole configuration. Without a path, an empty one.
 *
 * @throws ExitError or TypeError for the first thing that is wrong.
 */
export function readConfig(path: string | undefined): Config {
  if (path === undefined) return { folder: process.cwd(), listen: {}, wechat: [], secretFiles: [], others: {} }
  const folder = dirname(path)
  const { listen = {}, dir, module, wechat = [], clients, ...others } = readFile(path)
  return {
    folder,
    others,
    listen: checkMembers<ListenConfig>('listen', listen, LISTEN_RULES),
    wechat: wechat.map((entry, index) => accountOf(entry, index, folder)),
    secretFiles: wechat.flatMap((entry) => secretFileOf(entry, folder)),
    ...(dir === undefined ? {} : { dir: resolveFolder('dir', dir, folder) }),
    ...(module === undefined ? {} : { module: resolve(folder, module) }),
    ...(clients === undefined ? {} : { clients }),
  }
}
