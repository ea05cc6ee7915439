// dotdog serve: runs one process that owns the fetchers and serves their values to all others.
import type { Dog } from 'dotdog'
import type { ServedAccount, ServerOptions } from 'dotdog/server'
import { findConfiguration } from '../../configuration/file/find.js'
import { type Config, readConfig } from '../../configuration/serve-config.js'
import { openServedDog } from '../../configuration/served-dog.js'
import { cleanMessage, ExitError } from '../../lib/exit-error.js'
import { KeyFailures } from '../../lib/key-failures.js'
import { OperatorLog } from '../../lib/operator-log.js'
import { loadModule, registerAccounts } from '../../lib/register-keys.js'
import { FileWatch } from '../../lib/watch-file.js'
import { hintOf } from '../../terminal/hints.js'
import { languageOf } from '../../terminal/language.js'
import { listenAt, placesOf } from './places.js'
import { createReloader, type Loaded } from './reload.js'
import { mergeListen, parseServeArguments } from './serve-arguments.js'
import { readTls } from './tls-files.js'

const DEFAULT_CONFIG_FILE = 'dotdog.config.json'
const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const

/** @throws ExitError (code 2) if there is nothing to serve. */
function checkHasKeys({ wechat, module, dir, others }: Config, path: string | undefined): void {
  const { WX_APPID, WX_APPSECRET } = process.env
  if (path === undefined && WX_APPID && WX_APPSECRET) return
  if (wechat.length > 0 || (module ?? dir ?? others.keys ?? others.store) !== undefined) return
  const problem = path === undefined ? `there is no ${DEFAULT_CONFIG_FILE} here` : `${path} names no keys`
  throw new ExitError(
    2,
    `${problem}; write "wechat": [{ "appId": …, "appSecret": { "env": … } }] or "module": "./keys.js" into it`,
  )
}

/** Calls back on SIGINT and SIGTERM. A second signal exits at once. */
function onExitSignal(log: OperatorLog, shutDown: () => Promise<void>): void {
  let isShuttingDown = false
  for (const [signal, number] of Object.entries(SIGNAL_NUMBERS)) {
    // The listener stays installed: proper-lockfile's own listener ends the process if it is the
    // only one.
    process.on(signal, () => {
      if (isShuttingDown) process.exit(128 + number)
      isShuttingDown = true
      shutDown().catch((error) => {
        log.note(cleanMessage(error))
        process.exit(1)
      })
    })
  }
}

/** Everything that a change of a file may concern. */
const filesOf = ({ config, listen }: Loaded, path: string | undefined): string[] =>
  [path, listen.tlsCert, listen.tlsKey, config.module, ...config.secretFiles].filter((file) => file !== undefined)

async function registerAll(dog: Dog, config: Config): Promise<ServedAccount[]> {
  const accounts = await registerAccounts(dog, config.wechat)
  const keys = accounts.flatMap(({ wx }) => [wx.accessToken.key, wx.jsapiTicket.key, wx.cardTicket.key])
  if (config.module !== undefined) await loadModule(dog, config.module, keys)
  return accounts
}

export async function serve(args: string[]): Promise<void> {
  const values = parseServeArguments(args)
  const log = new OperatorLog(values.log ?? 'text')
  const path = findConfiguration(values.config, process.env, process.cwd())
  let onChange = (_paths: string[]): void => {}
  // Also before there is anything to reload: without a listener the signal ends the process.
  process.on('SIGHUP', () => onChange([]))
  const watch = new FileWatch((paths) => onChange(paths))
  let known: string[] = []
  const load = async (): Promise<Loaded> => {
    // The other files stay watched: a change while they are read counts.
    if (path !== undefined && known.length === 0) watch.set([path])
    const config = await readConfig(path)
    const loaded = { config, listen: mergeListen(values, config.listen, config.folder) }
    known = filesOf(loaded, path)
    watch.set(known)
    return loaded
  }
  const initial = await load()
  const { config, listen } = initial
  const places = placesOf(listen, config.folder, process.env)
  const tls = readTls(listen)
  const dog = await openServedDog(config, path, values.dir)
  const { createServer, wechatRoutes } = await import('dotdog/server')

  const language = languageOf(process.env)
  const failures = new KeyFailures(dog, log, (failure) => hintOf(failure, language))
  const accounts = await registerAll(dog, config)
  failures.start()
  const options: ServerOptions = {
    dog,
    behindProxy: listen.behindProxy ?? false,
    report: (line) => log.note(line.replace(/^dotdog: /, '')),
    log(entry) {
      if (entry.key !== undefined && entry.reason !== undefined) failures.check()
      if (values.log !== undefined) log.request(entry)
    },
    ...(config.clients === undefined ? {} : { clients: config.clients }),
    ...(listen.hosts === undefined ? {} : { hosts: listen.hosts }),
    ...(tls === undefined ? {} : { tls }),
  }
  if (accounts.length > 0) options.routes = (clients, onRefused) => wechatRoutes({ accounts, clients, onRefused })
  const server = createServer(options)
  checkHasKeys(config, path)
  const register = (next: Config) => registerAccounts(dog, next.wechat)
  const reloader = createReloader({ load, register, server, accounts, log, initial: { ...initial, tls } })
  onChange = (paths) => {
    if (config.module !== undefined && paths.includes(config.module)) {
      log.note(`module: a change of ${config.module} takes a restart; the old one goes on`)
      if (paths.length === 1) return
    }
    reloader.reload()
  }
  onExitSignal(log, async () => {
    await watch.close()
    failures.stop()
    await server.close()
    // The fetch under way is finished and committed: no other process has its value.
    await dog.close()
    // The user's module may have left something running.
    process.exit(0)
  })
  for (const address of await listenAt(server, places)) log.listening(address)
  await watch.start()
}
