// Records in Redis, for processes on several machines. Public names only.
import type { Store } from 'dotdog'
import { FallbackStore } from '../database/local-fallback.js'
import { NetworkStore } from '../database/store.js'
import { RedisBackend } from './backend.js'
import { GivenSource, OwnSource, placeOfUrl, type Source } from './connection-provider.js'
import type { Client } from './ioredis.js'

export interface RedisStoreOptions {
  /** `redis://user:password@host:6379/0`, `rediss://…` for TLS, or the path of a socket. Either this or `client`. */
  url?: string
  /** An ioredis `Redis` or `Cluster` with options of your own. It is used as it is, and yours to close. */
  client?: Client
  /** Begins the name of every key and of the channel. Default `'dotdog:'`. At most 100 characters, without `{` and `}`. */
  prefix?: string
  /** Options of Node's `tls.connect`, such as `ca`, for a `rediss://` URL. */
  tls?: object
  /**
   * While Redis does not answer, each process fetches for itself and keeps the value in its memory. Default false: values in
   * memory are served until they expire, and nothing is fetched behind Redis's back.
   */
  localFallback?: boolean
}

/**
 * A store in Redis: one fetch between all processes that use it, on however many machines. Needs the package ioredis. An
 * operation that Redis does not answer within 500 ms is an `ERR_DOG_STORE`; a dead holder is replaced after 5 s.
 *
 * @example
 * init('ACCESS_TOKEN', fetcher, { store: redisStore({ url: 'redis://localhost:6379' }) })
 * @throws TypeError for a wrong option
 */
export function redisStore(options: RedisStoreOptions): Store {
  if (typeof options !== 'object' || options === null) throw wrong('options', 'must be an object', options)
  const { prefix = 'dotdog:', localFallback = false } = options
  if (typeof prefix !== 'string' || prefix.length > 100 || /[{}]/.test(prefix) || !prefix.isWellFormed()) {
    throw wrong('prefix', 'must be a string of at most 100 characters without { and }', prefix)
  }
  if (typeof localFallback !== 'boolean') throw wrong('localFallback', 'must be true or false', localFallback)
  const store = new NetworkStore(new RedisBackend(sourceOf(options), prefix))
  return localFallback ? new FallbackStore(store) : store
}

function sourceOf({ url, client, tls }: RedisStoreOptions): Source {
  if ((url === undefined) === (client === undefined)) throw new TypeError('redisStore takes either url or client')
  if (tls !== undefined && (typeof tls !== 'object' || tls === null)) throw wrong('tls', 'must be an object', tls)
  if (client !== undefined) {
    if (tls !== undefined) throw new TypeError('tls goes with url; a client has its own')
    if (!isClient(client)) throw wrong('client', 'must be a Redis or a Cluster of ioredis', client)
    return new GivenSource(client)
  }
  const place = typeof url === 'string' ? placeOfUrl(url) : undefined
  // Not shown: it may hold a password.
  if (place === undefined) throw wrong('url', "must be a string like 'redis://host:6379'", url)
  return new OwnSource(url!, tls, place)
}

/** By what is used of it: another copy of ioredis makes other classes. */
const isClient = (client: unknown): boolean =>
  ['evalsha', 'eval', 'duplicate', 'disconnect'].every((name) => typeof Object(client)[name] === 'function') &&
  typeof Object(client).options === 'object'

const wrong = (name: string, rule: string, value: unknown): TypeError =>
  new TypeError(`${name} ${rule}; got ${value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`}`)
