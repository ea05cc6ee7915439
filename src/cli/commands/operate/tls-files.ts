import { readFileSync } from 'node:fs'
import type { ServerOptions } from 'dotdog/server'
import type { ListenConfig } from '../../lib/config.js'
import { ExitError } from '../../lib/exit-error.js'

/** The certificate of the server. @throws ExitError (code 2) if it or its key is missing. */
export function readTls({ tlsCert, tlsKey }: ListenConfig): ServerOptions['tls'] {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) {
    const [given, missing] = tlsCert === undefined ? ['tlsKey', 'tlsCert'] : ['tlsCert', 'tlsKey']
    throw new ExitError(2, `listen.${given} needs a listen.${missing}: a certificate and its key belong together`)
  }
  return { cert: readPem('tlsCert', tlsCert), key: readPem('tlsKey', tlsKey) }
}

function readPem(member: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new ExitError(2, `listen.${member}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}
