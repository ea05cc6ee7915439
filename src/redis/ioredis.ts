// The only importer of ioredis, an optional peer dependency. Makes connections that keep no process alive, throw nothing where
// nobody catches, and end when they fail: whoever needs one then makes another.
import type { Cluster, Redis, RedisOptions } from 'ioredis'

/** What may be given instead of a URL. */
export type Client = Redis | Cluster
export type { Cluster, Redis, RedisOptions }

/** Reconnecting timers would keep a script alive; a command sent again by itself would be done behind our back. */
const OURS: RedisOptions = {
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

export async function make(url: string, tls: object | undefined): Promise<Redis> {
  let library: Pick<typeof import('ioredis'), 'Redis'>
  try {
    library = await import('ioredis')
  } catch {
    throw Object.assign(new Error('ioredis'), { code: 'NO_IOREDIS' })
  }
  return new library.Redis(url, { ...OURS, ...(tls && { tls }) })
}

/** Another connection to where the client is connected; of a cluster, to one of its nodes. */
export async function another(client: Client): Promise<Redis> {
  if (!isCluster(client)) return client.duplicate(OURS)
  // It knows its nodes when it has asked the first.
  if (client.nodes('master').length === 0) await client.ping()
  const nodes = client.nodes('master')
  return nodes[Math.floor(Math.random() * nodes.length)]!.duplicate(OURS)
}

export const isCluster = (client: Client): client is Cluster => client.isCluster

/** Connects. On failure, what failed: ioredis only says that the connection was closed. */
export async function connect(redis: Redis): Promise<void> {
  let first: unknown
  redis.on('error', (error) => (first ??= error))
  redis.on('connect', () => (redis as unknown as { stream?: { unref?(): void } }).stream?.unref?.())
  try {
    await redis.connect()
  } catch (error) {
    end(redis)
    throw first ?? error
  }
}

/** What is under way on it fails. */
export function end(redis: Redis | undefined): void {
  if (redis !== undefined && redis.status !== 'end') redis.disconnect()
}
