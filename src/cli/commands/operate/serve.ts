// dotdog serve: runs one process that owns the fetchers and serves their values to all others.
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { DogServer, LogEntry, ServerOptions, Where } from 'dotdog/server'
import { type Config, type ListenConfig, readClients, readConfig } from '../../lib/config.js'
import { cleanMessage, ExitError } from '../../lib/exit-error.js'
import { loadModule, registerAccounts } from '../../lib/register-keys.js'
import { fileVersion, watchFile } from '../../lib/watch-file.js'

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const

const parse = (args: string[]) =>
  parseArgs({
    args,
    options: {
      config: text,
      socket: text,
      port: text,
      host: text,
      log: flag,
      'behind-proxy': flag,
      'tls-cert': text,
      'tls-key': text,
    },
  }).values

type Arguments = ReturnType<typeof parse>

const DEFAULT_CONFIG_FILE = 'dotdog.config.json'
const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const

function configPathOf(argument: string | undefined): string | undefined {
  if (argument !== undefined) return resolve(argument)
  return existsSync(DEFAULT_CONFIG_FILE) ? resolve(DEFAULT_CONFIG_FILE) : undefined
}

/** Where and how to listen, as the configuration says. Arguments take precedence. */
function listenConfigOf(args: Arguments, { listen, folder }: Config): ListenConfig {
  const merged: ListenConfig = { ...listen }
  for (const name of ['socket', 'tlsCert', 'tlsKey'] as const) {
    if (merged[name]) merged[name] = resolve(folder, merged[name])
  }
  if (args.socket !== undefined || args.port !== undefined) {
    delete merged.socket
    delete merged.port
  }
  if (args.socket !== undefined) merged.socket = resolve(args.socket)
  if (args.port !== undefined) merged.port = /^\d+$/.test(args.port) ? Number(args.port) : Number.NaN
  if (args.host !== undefined) merged.host = args.host
  if (args['behind-proxy']) merged.behindProxy = true
  if (args['tls-cert'] !== undefined) merged.tlsCert = resolve(args['tls-cert'])
  if (args['tls-key'] !== undefined) merged.tlsKey = resolve(args['tls-key'])
  if (merged.socket !== undefined && merged.port !== undefined) {
    throw new ExitError(2, 'a socket and a port exclude each other')
  }
  if (merged.port === undefined && merged.host !== undefined) throw new ExitError(2, 'a host needs a port')
  return merged
}

function whereOf({ socket, port, host }: ListenConfig, folder: string): Where {
  if (port !== undefined) return host === undefined ? { port } : { port, host }
  const runtimeDir = process.env.XDG_RUNTIME_DIR
  return { socketPath: socket ?? join(runtimeDir && existsSync(runtimeDir) ? runtimeDir : folder, 'dotdog.sock') }
}

function tlsOf({ tlsCert, tlsKey }: ListenConfig): ServerOptions['tls'] {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new ExitError(2, 'a certificate needs its key, and a key its certificate')
  }
  try {
    return { cert: readFileSync(tlsCert), key: readFileSync(tlsKey) }
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException
    throw new ExitError(2, `${path ?? 'the certificate'} cannot be read (${code})`)
  }
}

/**
 * One line for a request. The key comes from the request, so it is quoted to be one word on one
 * line.
 */
function logLine({ method, route, key, client, status, ms }: LogEntry): string {
  const words = [method, route, key === undefined ? '-' : JSON.stringify(key), client ?? '-', status, `${ms.toFixed(1)}ms`]
  return `${new Date().toISOString()} ${words.join(' ')}`
}

const logError = (line: string) => console.error(line)

/** Replaces the clients when the file changes. A broken file is reported, and the clients stay. */
function watchClients(path: string, initialVersion: string | undefined, server: DogServer): () => void {
  return watchFile(path, initialVersion, () => {
    try {
      const clients = readClients(path)
      server.setClients(clients)
      logError(`dotdog: ${clients.length} clients from ${path}; other changes of the file need a restart`)
    } catch (error) {
      logError(`dotdog: the configuration was not taken over: ${ExitError.of(error).message}`)
    }
  })
}

/** Calls back on SIGINT and SIGTERM. A second signal exits at once. */
function onExitSignal(shutDown: () => Promise<void>): void {
  let isShuttingDown = false
  for (const [signal, number] of Object.entries(SIGNAL_NUMBERS)) {
    // The listener stays installed: proper-lockfile's own listener ends the process if it is the
    // only one.
    process.on(signal, () => {
      if (isShuttingDown) process.exit(128 + number)
      isShuttingDown = true
      shutDown().catch((error) => {
        logError(`dotdog: ${cleanMessage(error)}`)
        process.exit(1)
      })
    })
  }
}

export async function serve(args: string[]): Promise<void> {
  const values = parse(args)
  const configPath = configPathOf(values.config)
  const initialVersion = configPath === undefined ? undefined : fileVersion(configPath)
  const config = readConfig(configPath)
  const listenConfig = listenConfigOf(values, config)
  // Set before the folder of the default dog is resolved.
  if (config.dir !== undefined) process.env.DOTDOG_DIR = config.dir
  const dog = await import('dotdog')
  const { createServer, wechatRoutes } = await import('dotdog/server')

  const accounts = await registerAccounts(dog, config.wechat)
  if (config.module !== undefined) await loadModule(dog, config.module)
  for (const event of ['failure', 'warning'] as const) {
    dog.on(event, ({ key, message }) => logError(`dotdog: ${key ?? event}: ${message}`))
  }

  const options: ServerOptions = { dog, behindProxy: listenConfig.behindProxy ?? false, report: logError }
  if (config.clients !== undefined) options.clients = config.clients
  if (listenConfig.hosts !== undefined) options.hosts = listenConfig.hosts
  const tls = tlsOf(listenConfig)
  if (tls !== undefined) options.tls = tls
  if (values.log) options.log = (entry) => console.log(logLine(entry))
  if (accounts.length > 0) options.routes = (clients, onRefused) => wechatRoutes({ accounts, clients, onRefused })

  const server = createServer(options)
  const address = await server.listen(whereOf(listenConfig, config.folder))
  const hasClients = configPath !== undefined && config.clients !== undefined
  const stopWatching = hasClients ? watchClients(configPath, initialVersion, server) : () => {}
  console.log(`dotdog serves at ${address}`)

  onExitSignal(async () => {
    stopWatching()
    await server.close()
    // The fetch under way is finished and committed: no other process has its value.
    await dog.close()
    // The user's module may have left something running.
    process.exit(0)
  })
}
