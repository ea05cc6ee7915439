// dotdog serve: one process that owns the fetchers, for everybody else.
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { DogServer, LogEntry, ServerOptions, Where } from 'dotdog/server'
import { type Config, type ListenConfig, readClients, readConfig } from '../../lib/config.js'
import { cleanMessage, Failure } from '../../lib/exit-error.js'
import { loadModule, registerAccounts } from '../../lib/register-keys.js'
import { stampOf, watchFile } from '../../lib/watch-file.js'

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const

const parse = (args: string[]) =>
  parseArgs({
    args,
    options: {
      ...{ config: text, socket: text, port: text, host: text, log: flag },
      ...{ 'behind-proxy': flag, 'tls-cert': text, 'tls-key': text },
    },
  }).values

type Values = ReturnType<typeof parse>

const STANDARD = 'dotdog.config.json'

function configPath(given: string | undefined): string | undefined {
  if (given !== undefined) return resolve(given)
  return existsSync(STANDARD) ? resolve(STANDARD) : undefined
}

/** The configuration's place, and over it the arguments'. */
function placeOf(values: Values, { listen, folder }: Config): ListenConfig {
  const given: ListenConfig = { ...listen }
  for (const name of ['socket', 'tlsCert', 'tlsKey'] as const) if (given[name]) given[name] = resolve(folder, given[name])
  if (values.socket !== undefined || values.port !== undefined) {
    delete given.socket
    delete given.port
  }
  if (values.socket !== undefined) given.socket = resolve(values.socket)
  if (values.port !== undefined) given.port = /^\d+$/.test(values.port) ? Number(values.port) : Number.NaN
  if (values.host !== undefined) given.host = values.host
  if (values['behind-proxy']) given.behindProxy = true
  if (values['tls-cert'] !== undefined) given.tlsCert = resolve(values['tls-cert'])
  if (values['tls-key'] !== undefined) given.tlsKey = resolve(values['tls-key'])
  if (given.socket !== undefined && given.port !== undefined) throw new Failure(2, 'a socket and a port exclude each other')
  if (given.port === undefined && given.host !== undefined) throw new Failure(2, 'a host needs a port')
  return given
}

function whereOf({ socket, port, host }: ListenConfig, folder: string): Where {
  if (port !== undefined) return host === undefined ? { port } : { port, host }
  const runtime = process.env.XDG_RUNTIME_DIR
  return { socketPath: socket ?? join(runtime && existsSync(runtime) ? runtime : folder, 'dotdog.sock') }
}

function tlsOf({ tlsCert, tlsKey }: ListenConfig): ServerOptions['tls'] {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) throw new Failure(2, 'a certificate and its key belong together')
  try {
    return { cert: readFileSync(tlsCert), key: readFileSync(tlsKey) }
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException
    throw new Failure(2, `${path ?? 'the certificate'} cannot be read (${code})`)
  }
}

/** A key comes from a request: quoted, it is one word on one line. */
function logLine({ method, route, key, client, status, ms }: LogEntry): string {
  const words = [method, route, key === undefined ? '-' : JSON.stringify(key), client ?? '-', status, `${ms.toFixed(1)}ms`]
  return `${new Date().toISOString()} ${words.join(' ')}`
}

const complain = (line: string) => console.error(line)

/** Clients are replaced when the file changes. A broken file is told of, and the clients stay. */
function follow(path: string, read: string | undefined, server: DogServer): () => void {
  return watchFile(path, read, () => {
    try {
      const clients = readClients(path)
      server.setClients(clients)
      complain(`dotdog: ${clients.length} clients from ${path}; what else changed there holds after a restart`)
    } catch (error) {
      complain(`dotdog: the configuration was not taken over: ${Failure.of(error).message}`)
    }
  })
}

export async function serve(args: string[]): Promise<void> {
  const values = parse(args)
  const path = configPath(values.config)
  const read = path === undefined ? undefined : stampOf(path)
  const config = readConfig(path)
  const place = placeOf(values, config)
  // Before anybody asks where the files are.
  if (config.dir !== undefined) process.env.DOTDOG_DIR = config.dir
  const dog = await import('dotdog')
  const { createServer, wechatRoutes } = await import('dotdog/server')

  const accounts = await registerAccounts(dog, config.wechat)
  if (config.module !== undefined) await loadModule(dog, config.module)
  dog.on('warning', ({ key, message }) => complain(`dotdog: ${key ?? 'warning'}: ${message}`))

  const options: ServerOptions = { dog, behindProxy: place.behindProxy ?? false, report: complain }
  if (config.clients !== undefined) options.clients = config.clients
  if (place.hosts !== undefined) options.hosts = place.hosts
  const tls = tlsOf(place)
  if (tls !== undefined) options.tls = tls
  if (values.log) options.log = (entry) => console.log(logLine(entry))
  if (accounts.length > 0) options.routes = (clients, onRefused) => wechatRoutes({ accounts, clients, onRefused })

  const server = createServer(options)
  const address = await server.listen(whereOf(place, config.folder))
  const unfollow = path === undefined || config.clients === undefined ? () => {} : follow(path, read, server)
  console.log(`dotdog serves at ${address}`)

  const end = async () => {
    unfollow()
    await server.close()
    // The fetch under way is finished and committed: nobody else has its value.
    await dog.close()
    // What a user's module left running must not hold us.
    process.exit(0)
  }
  let isEnding = false
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    // It stays when it was called: the lock package's own listener ends the process where it finds itself alone.
    process.on(signal, () => {
      if (isEnding) process.exit(128 + number)
      isEnding = true
      end().catch((error) => {
        complain(`dotdog: ${cleanMessage(error)}`)
        process.exit(1)
      })
    })
  }
}
