import type { DogServer, ServedAccount, ServerOptions } from 'dotdog/server'
import type { Config } from '../../configuration/serve-config.js'
import type { ListenConfig } from '../../lib/config.js'
import { ExitError } from '../../lib/exit-error.js'
import type { OperatorLog } from '../../lib/operator-log.js'
import { readTls } from './tls-files.js'

/**
 * Takes over what changed in the files of a running server, on SIGHUP and when a file changes: the
 * clients, the certificate, and the accounts with their secrets. What is wrong is reported, and the
 * old goes on. What cannot change in a running server is named.
 */

export interface Loaded {
  config: Config
  /** With the arguments of the command. */
  listen: ListenConfig
}

interface ReloaderParts {
  /** Rejects with the first thing that is wrong. */
  load(): Promise<Loaded>
  register(config: Config): Promise<ServedAccount[]>
  server: DogServer
  /** The list that the routes use. */
  accounts: ServedAccount[]
  log: OperatorLog
  initial: Loaded & { tls: ServerOptions['tls'] }
}

const OTHERS = ['keys', 'store', 'encryptionKey']
const RESTART = 'takes a restart; the old one goes on'

export function createReloader({ load, register, server, accounts, log, initial }: ReloaderParts) {
  let { config, listen } = initial
  let tls = initial.tls

  /** Runs one step. Returns whether it changed something. */
  async function attempt(what: string, step: () => Promise<boolean> | boolean): Promise<string[]> {
    try {
      return (await step()) ? [what] : []
    } catch (error) {
      log.note(`${what}: not taken over: ${ExitError.of(error).message}; the old one goes on`)
      return []
    }
  }

  function takeClients(next: Config): boolean {
    if (isSame(next.clients, config.clients)) return false
    if (next.clients === undefined) throw new ExitError(2, 'the configuration no longer has clients')
    server.setClients(next.clients)
    config = { ...config, clients: next.clients }
    return true
  }

  async function takeTls(next: ListenConfig): Promise<boolean> {
    const pair = readTls(next)
    if (pair === undefined || isSame(pair, tls)) return false
    await server.setTls(pair)
    tls = pair
    listen = { ...listen, tlsCert: next.tlsCert!, tlsKey: next.tlsKey! }
    return true
  }

  async function takeAccounts(next: Config): Promise<boolean> {
    if (isSame(next.wechat, config.wechat)) return false
    const registered = await register(next)
    for (const account of registered) {
      const known = accounts.find(({ wx }) => wx.accessToken.key === account.wx.accessToken.key)
      if (known === undefined) accounts.push(account)
      else Object.assign(known, account)
    }
    config = { ...config, wechat: next.wechat }
    const keys = registered.map(({ wx }) => wx.accessToken.key)
    const gone = accounts.filter(({ wx }) => !keys.includes(wx.accessToken.key))
    if (gone.length > 0) log.note(`wechat: to take away ${gone.map(({ appId }) => appId).join(', ')} ${RESTART}`)
    return true
  }

  /** Names what only a restart changes. */
  function nameOthers(next: Loaded): void {
    const members = ['socket', 'socketMode', 'socketGroup', 'port', 'host', 'hosts', 'behindProxy'] as const
    const changed = [
      ...members.filter((name) => !isSame(next.listen[name], listen[name])).map((name) => `listen.${name}`),
      ...(['dir', 'module'] as const).filter((name) => next.config[name] !== config[name]),
      ...OTHERS.filter((name) => !isSame(next.config.others[name], config.others[name])),
    ]
    for (const name of changed) log.note(`${name}: a change ${RESTART}`)
  }

  async function reload(): Promise<void> {
    let next: Loaded
    try {
      next = await load()
    } catch (error) {
      return log.note(`the configuration was not taken over: ${ExitError.of(error).message}; the old one goes on`)
    }
    const taken = [
      ...(await attempt('clients', () => takeClients(next.config))),
      ...(await attempt('the certificate', () => takeTls(next.listen))),
      ...(await attempt('wechat', () => takeAccounts(next.config))),
    ]
    nameOthers(next)
    log.note(taken.length === 0 ? 'reloaded: nothing else changed' : `reloaded: ${taken.join(', ')}`)
  }

  let running = Promise.resolve()
  return {
    /** One after the other. */
    reload(): Promise<void> {
      running = running.then(reload)
      return running
    },
  }
}

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)
