// dotdog.config.json: read and checked. It holds no secret: those stand in the environment or in files of their own.
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { ClientConfig } from 'dotdog/server'
import { Failure } from './exit-error.js'

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
}

export interface Config {
  /** The folder that relative paths start from. */
  folder: string
  listen: ListenConfig
  dir?: string
  module?: string
  wechat: AccountConfig[]
  clients?: ClientConfig[]
}

const fail = (text: string): never => {
  throw new Failure(2, text)
}

type Kind = 'text' | 'number' | 'flag' | 'texts' | 'list' | 'object' | 'secret'

const TESTS: Record<Kind, [(value: unknown) => boolean, string]> = {
  text: [(value) => typeof value === 'string' && value !== '', 'a string'],
  number: [(value) => typeof value === 'number', 'a number'],
  flag: [(value) => typeof value === 'boolean', 'true or false'],
  texts: [(value) => Array.isArray(value) && value.every((one) => typeof one === 'string'), 'a list of strings'],
  list: [Array.isArray, 'a list'],
  object: [isObject, 'an object'],
  secret: [() => true, ''],
}

const ROOT: Record<string, Kind> = { listen: 'object', dir: 'text', module: 'text', wechat: 'list', clients: 'list' }
const LISTEN: Record<string, Kind> = {
  ...{ socket: 'text', port: 'number', host: 'text', hosts: 'texts', behindProxy: 'flag', tlsCert: 'text', tlsKey: 'text' },
}
const ACCOUNT: Record<string, Kind> = { appId: 'text', appSecret: 'secret', stable: 'flag', prefix: 'text', baseUrl: 'text' }

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function check(at: string, value: unknown, members: Record<string, Kind>): Record<string, unknown> {
  if (!isObject(value)) return fail(`${at} must be an object`)
  for (const [name, member] of Object.entries(value)) {
    const kind = Object.hasOwn(members, name) ? members[name] : undefined
    if (kind === undefined) return fail(`${at} has an unknown member "${name}"; there are ${Object.keys(members).join(', ')}`)
    const [test, rule] = TESTS[kind]
    if (!test(member)) fail(`${at}.${name} must be ${rule}; got ${member === null ? 'null' : typeof member}`)
  }
  return value
}

/** `{ "env": "NAME" }` or `{ "file": "path" }`: never the secret itself, which would stand in backups and repositories. */
function secretOf(at: string, given: unknown, folder: string): string {
  const advice = `${at} must be {"env": "NAME"} or {"file": "path"}`
  if (typeof given === 'string')
    return fail(`${advice}, not the secret itself: a configuration is copied, mailed and committed`)
  const { env, file } = check(at, given, { env: 'text', file: 'text' }) as { env?: string; file?: string }
  if ((env === undefined) === (file === undefined)) return fail(advice)
  if (env !== undefined) return process.env[env] || fail(`${at}: the environment has no ${env}`)
  try {
    return readFileSync(resolve(folder, file!), 'utf8').trim() || fail(`${at}: the file is empty`)
  } catch (error) {
    if (error instanceof Failure) throw error
    return fail(`${at}: the file cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

function parse(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    return fail(`${path} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the text.
    return fail(`${path} is not JSON`)
  }
}

/** The whole configuration. @throws Failure for the first thing that is wrong. */
export function readConfig(path: string | undefined): Config {
  if (path === undefined) return { folder: process.cwd(), listen: {}, wechat: [] }
  const folder = dirname(path)
  const root = check('the configuration', parse(path), ROOT)
  const accounts = (root.wechat ?? []) as unknown[]
  const config: Config = {
    folder,
    listen: check('listen', root.listen ?? {}, LISTEN),
    wechat: accounts.map((entry, index) => {
      const at = `wechat[${index}]`
      const account = check(at, entry, ACCOUNT)
      if (account.appId === undefined) fail(`${at}.appId is missing`)
      return { ...(account as unknown as AccountConfig), appSecret: secretOf(`${at}.appSecret`, account.appSecret, folder) }
    }),
  }
  for (const name of ['dir', 'module'] as const) {
    if (root[name] !== undefined) config[name] = resolve(folder, root[name] as string)
  }
  if (root.clients !== undefined) config.clients = root.clients as ClientConfig[]
  return config
}

/** Only the clients, when the file has changed. They are checked by whom they are given to. */
export function readClients(path: string): ClientConfig[] {
  const { clients } = check('the configuration', parse(path), ROOT) as { clients?: ClientConfig[] }
  return clients ?? fail('the configuration has no clients any more')
}
