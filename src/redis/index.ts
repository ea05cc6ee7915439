// The entry point of dotdog/redis: public names only.
import type { Store } from 'dotdog'
import { BOOLEAN, checkOptions, type Rules } from '../core/shared/validate.js'
import { LocalFallbackStore } from '../database/local-fallback.js'
import { DatabaseStore } from '../database/store.js'
import { RedisBackend } from './backend.js'
import { type ConnectionProvider, endpointOfUrl, GivenClient, OwnConnections } from './connection-provider.js'
import type { Client } from './ioredis.js'

export interface RedisStoreOptions {
  /**
   * `redis://user:password@host:6379/0`, `rediss://…` for TLS, or the path of a socket. Either this
   * or `client`.
   */
  url?: string
  /**
   * An ioredis `Redis` or `Cluster` with options of your own. It is used as it is and never closed.
   * Either this or `url`.
   */
  client?: Client
  /**
   * Begins the name of every Redis key and of the channel: at most 100 characters, without `{` and
   * `}`. Default `'dotdog:'`.
   */
  prefix?: string
  /** Options of Node's `tls.connect`, such as `ca`, for a `rediss://` URL. */
  tls?: object
  /**
   * While Redis does not answer, each process that needs a value fetches one for itself, and the
   * newest is handed over afterwards. Default false: values in memory are served until they expire,
   * and nothing is fetched without Redis, because a second fetch may invalidate the first value.
   */
  localFallback?: boolean
}

/**
 * A store in Redis: one fetch between all processes that use it, on however many machines. Needs
 * the package ioredis beside dotdog (`npm install ioredis`), which is loaded by the first
 * operation. An operation that Redis does not answer within 500 ms fails with `ERR_DOG_STORE`. The
 * key of a holder that died can be taken after 5 s.
 *
 * @throws TypeError for an option that is wrong or unknown.
 * @example
 * init('ACCESS_TOKEN', fetcher, { store: redisStore({ url: 'redis://localhost:6379' }) })
 */
export function redisStore(options: RedisStoreOptions): Store {
  const { prefix = 'dotdog:', localFallback = false } = checkOptions<RedisStoreOptions>('redisStore', options, RULES)
  const store = new DatabaseStore(new RedisBackend(providerOf(options), prefix))
  return localFallback ? new LocalFallbackStore(store) : store
}

const RULES: Rules = {
  // It may contain a password.
  url: {
    test: (value: unknown) => typeof value === 'string' && endpointOfUrl(value) !== undefined,
    rule: "must be a string like 'redis://host:6379'",
    isSecret: true,
  },
  // A URL may be given here by mistake.
  client: { test: isClient, rule: 'must be a Redis or a Cluster of ioredis', isSecret: true },
  prefix: {
    test: (value: unknown) => typeof value === 'string' && value.length <= 100 && !/[{}]/.test(value) && value.isWellFormed(),
    rule: 'must be a string of at most 100 characters without { and }',
  },
  // A private key may be given here by mistake.
  tls: { test: (value: unknown) => typeof value === 'object' && value !== null, rule: 'must be an object', isSecret: true },
  localFallback: BOOLEAN,
}

/** Checks only what is used of a client: another copy of ioredis has other classes. */
function isClient(client: unknown): boolean {
  const methods = ['evalsha', 'eval', 'duplicate', 'disconnect']
  return methods.every((name) => typeof Object(client)[name] === 'function') && typeof Object(client).options === 'object'
}

function providerOf({ url, client, tls }: RedisStoreOptions): ConnectionProvider {
  if (url !== undefined && client === undefined) return new OwnConnections(url, tls, endpointOfUrl(url)!)
  if (client === undefined || url !== undefined) {
    throw new TypeError(`redisStore wants either url or client; got ${url === undefined ? 'neither' : 'both'}`)
  }
  if (tls !== undefined) throw new TypeError('tls goes with url; a client has its own')
  return new GivenClient(client)
}
