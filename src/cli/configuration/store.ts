import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Store } from 'dotdog'
import { ExitError } from '../lib/exit-error.js'
import type { Configuration, StoreReference } from './file/configuration.js'
import { secretOf } from './secrets.js'

/** Opens what the configuration names in place of a folder. */

/** @throws ExitError (code 2) for a secret or a file that is not there. */
export async function openStore(configuration: Configuration, env: NodeJS.ProcessEnv): Promise<Store | undefined> {
  const { store } = configuration.data
  if (store === undefined) return undefined
  const { url, password, token, ca } = await partsOf(store, configuration, env)
  const [, scheme = '', rest = ''] = /^([a-z+]+):(.*)$/s.exec(url) ?? []
  if (/^rediss?$/.test(scheme)) return (await import('dotdog/redis')).redisStore({ url: withPassword(url, password) })
  if (/^postgres(ql)?$/.test(scheme)) {
    return (await import('dotdog/postgres')).postgresStore({ connectionString: withPassword(url, password) })
  }
  if (scheme === 'mysql') return (await import('dotdog/mysql')).mysqlStore({ uri: withPassword(url, password) })
  const { remoteStore } = await import('dotdog/remote')
  const certificates = ca === undefined ? {} : { ca: readCertificates(resolve(configuration.folder, ca)) }
  const client = { ...(token === undefined ? {} : { token }), ...certificates }
  if (scheme === 'dotdog+unix') return remoteStore({ socketPath: rest.replace(/^\/\/(?=\/)/, ''), ...client })
  if (/^dotdog\+https?$/.test(scheme)) return remoteStore({ url: url.slice('dotdog+'.length), ...client })
  throw new ExitError(2, 'store must begin with redis://, postgres://, dotdog+https:// or dotdog+unix:')
}

interface StoreParts {
  url: string
  password?: string
  token?: string
  ca?: string
}

async function partsOf(store: StoreReference, configuration: Configuration, env: NodeJS.ProcessEnv): Promise<StoreParts> {
  if (typeof store === 'string') return { url: store }
  if (!('url' in store)) return { url: await secretOf('store', store, configuration, env) }
  const { url, password, token, ca } = store
  const parts: StoreParts = { url }
  if (password !== undefined) parts.password = await secretOf('store.password', password, configuration, env)
  if (token !== undefined) parts.token = await secretOf('store.token', token, configuration, env)
  if (ca !== undefined) parts.ca = ca
  return parts
}

function withPassword(url: string, password: string | undefined): string {
  if (password === undefined) return url
  const parsed = new URL(url)
  parsed.password = encodeURIComponent(password)
  return parsed.href
}

function readCertificates(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ExitError(2, `store.ca: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}
