// The only importer of ioredis, an optional peer dependency. It makes connections that do not keep
// the process alive, emit no uncaught error, and end when they fail. Their user then makes another
// one.
import type { Cluster, Redis, RedisOptions } from 'ioredis'

/** What may be given instead of a URL. */
export type Client = Redis | Cluster
export type { Cluster, Redis, RedisOptions }

/**
 * Reconnecting is turned off, because its timers would keep a script alive. Sending a command again
 * is turned off, because the command would then be done without our knowledge.
 */
const CONNECTION_OPTIONS: RedisOptions = {
  lazyConnect: true,
  enableReadyCheck: false,
  disconnectTimeout: 50,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  retryStrategy: () => null,
  reconnectOnError: null,
  sentinelRetryStrategy: () => null,
  failoverDetector: false,
  keyPrefix: '',
}

/** A connection to the URL, not connected yet. */
export async function createRedis(url: string, tls: object | undefined): Promise<Redis> {
  let library: Pick<typeof import('ioredis'), 'Redis'>
  try {
    library = await import('ioredis')
  } catch {
    throw Object.assign(new Error('ioredis'), { code: 'NO_IOREDIS' })
  }
  return new library.Redis(url, { ...CONNECTION_OPTIONS, ...(tls && { tls }) })
}

/**
 * Another connection to the server of a client, or to one of the nodes of a cluster. Not connected
 * yet.
 */
export async function duplicateOf(client: Client): Promise<Redis> {
  if (!isCluster(client)) return client.duplicate(CONNECTION_OPTIONS)
  const masters = await mastersOf(client)
  return masters[Math.floor(Math.random() * masters.length)]!.duplicate(CONNECTION_OPTIONS)
}

/** The masters of a cluster, which together hold all keys. */
export async function mastersOf(cluster: Cluster): Promise<Redis[]> {
  // A cluster client learns of its nodes by its first command.
  if (cluster.nodes('master').length === 0) await cluster.ping()
  return cluster.nodes('master')
}

export const isCluster = (client: Client): client is Cluster => client.isCluster

/** Connects. Throws the first error of the connection: ioredis only says that it was closed. */
export async function connect(redis: Redis): Promise<void> {
  let firstError: unknown
  redis.on('error', (error) => (firstError ??= error))
  redis.on('connect', () => (redis as unknown as { stream?: { unref?(): void } }).stream?.unref?.())
  try {
    await redis.connect()
  } catch (error) {
    end(redis)
    throw firstError ?? error
  }
}

/** Ends a connection. The commands that are under way on it fail. */
export function end(redis: Redis | undefined): void {
  if (redis !== undefined && redis.status !== 'end') redis.disconnect()
}
