import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { ListenConfig } from '../../lib/config.js'
import { ExitError } from '../../lib/exit-error.js'
import type { LogFormat } from '../../lib/operator-log.js'

/** The arguments of `dotdog serve`, and what they override in the configuration. */

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const

const OPTIONS = {
  config: text,
  dir: text,
  socket: text,
  port: text,
  host: text,
  log: text,
  'behind-proxy': flag,
  'tls-cert': text,
  'tls-key': text,
}

const LOG_FORMATS = ['text', 'json']

export type ServeArguments = ReturnType<typeof parseServeArguments>

/** @throws ExitError (code 2) for an argument that breaks its rule. */
export function parseServeArguments(args: readonly string[]) {
  // `--log` alone means text.
  const complete = args.flatMap((arg, index) =>
    arg === '--log' && !LOG_FORMATS.includes(args[index + 1] ?? '') ? ['--log', 'text'] : [arg],
  )
  const { values } = parseArgs({ args: complete, options: OPTIONS })
  const { log, port } = values
  if (log !== undefined && !LOG_FORMATS.includes(log)) throw new ExitError(2, '--log is text or json')
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535)) {
    throw new ExitError(2, '--port must be a whole number from 0 to 65535, such as --port 8080')
  }
  return { ...values, log: log as LogFormat | undefined, port: port === undefined ? undefined : Number(port) }
}

/** Where and how to listen. Arguments take precedence. Paths are absolute. */
export function mergeListen(args: ServeArguments, listen: ListenConfig, folder: string): ListenConfig {
  const merged: ListenConfig = { ...listen }
  for (const name of ['socket', 'tlsCert', 'tlsKey'] as const) {
    if (merged[name]) merged[name] = resolve(folder, merged[name])
  }
  if (args.socket !== undefined || args.port !== undefined) {
    delete merged.socket
    delete merged.port
  }
  if (args.socket !== undefined) merged.socket = resolve(args.socket)
  if (args.port !== undefined) merged.port = args.port
  if (args.host !== undefined) merged.host = args.host
  if (args['behind-proxy']) merged.behindProxy = true
  if (args['tls-cert'] !== undefined) merged.tlsCert = resolve(args['tls-cert'])
  if (args['tls-key'] !== undefined) merged.tlsKey = resolve(args['tls-key'])
  return merged
}
