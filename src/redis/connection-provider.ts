import { Connection } from './connection.js'
import { closedError } from './errors.js'
import { type Client, type Cluster, createRedis, duplicateOf, isCluster, type Redis } from './ioredis.js'

/** Provides the connections of a store. */
export interface ConnectionProvider {
  /** Host and port, for messages. */
  readonly endpoint: string
  /** What the client itself puts before every name. */
  readonly keyPrefix: string
  /** A client that is ready for commands, or as ready as its owner made it. */
  client(): Promise<Client>
  /** Called when a client failed: the next call of `client` returns another one. */
  drop(client: Client | undefined): void
  /** A connection that nobody else uses, not connected yet. */
  createConnection(): Promise<Redis>
  close(): void
}

/** Connections of our own, made when they are needed. */
export class OwnConnections implements ConnectionProvider {
  readonly keyPrefix = ''
  readonly #connection = new Connection(() => this.createConnection())

  constructor(
    readonly url: string,
    readonly tls: object | undefined,
    readonly endpoint: string,
  ) {}

  client(): Promise<Redis> {
    return this.#connection.ready()
  }

  drop(client: Client | undefined): void {
    this.#connection.drop(client)
  }

  createConnection(): Promise<Redis> {
    return createRedis(this.url, this.tls)
  }

  close(): void {
    this.#connection.close()
  }
}

/** A client that the user gave. It is used as it is, and left to its owner. */
export class GivenClient implements ConnectionProvider {
  readonly endpoint: string
  readonly keyPrefix: string
  #statusChange: Promise<void> | undefined
  #isClosed = false

  constructor(readonly given: Client) {
    this.endpoint = endpointOf(given)
    this.keyPrefix = given.options.keyPrefix ?? ''
  }

  /**
   * Waits until the client is connected. A command that is sent without a connection would lie in
   * the client's queue, and be done much later.
   */
  async client(): Promise<Client> {
    if (this.#isClosed) throw closedError()
    while (!['ready', 'wait'].includes(this.given.status)) {
      if (this.given.status === 'end') throw new Error('ended')
      await (this.#statusChange ??= this.#nextStatus())
    }
    return this.given
  }

  /** Resolves when the client is connected, or never will be. */
  #nextStatus(): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        this.#statusChange = undefined
        this.given.off('ready', settle).off('end', settle)
        resolve()
      }
      this.given.on('ready', settle).on('end', settle)
    })
  }

  drop(): void {}

  createConnection(): Promise<Redis> {
    return duplicateOf(this.given)
  }

  close(): void {
    this.#isClosed = true
  }
}

function endpointOf(client: Client): string {
  if (isCluster(client)) return `cluster of ${startupNodeOf(client)}`
  const { path, sentinels, name, host, port } = client.options
  if (sentinels?.length) return `redis ${name}`
  return path ?? `${host}:${port}`
}

/** Host and port of the first node that a cluster client was given. */
function startupNodeOf(cluster: Cluster): string {
  const [first] = (cluster as unknown as { startupNodes?: unknown[] }).startupNodes ?? []
  if (typeof first === 'number') return `127.0.0.1:${first}`
  if (typeof first === 'string') return endpointOfUrl(first) ?? 'redis'
  const { host = '127.0.0.1', port = 6379 } = Object(first)
  return `${host}:${port}`
}

/** Host and port, or the path of a socket. `undefined` if the text is no URL of a Redis. */
export function endpointOfUrl(url: string): string | undefined {
  if (url.startsWith('/')) return url.split('?')[0]
  // A password that contains / ? or # without being encoded ends, for a parser, where the host
  // should begin: part of the password would be shown as the host.
  if (/^[a-z]+:\/\/[^@]*[/?#][^@]*@/i.test(url)) return undefined
  try {
    const { protocol, hostname, port } = new URL(url)
    return /^rediss?:$/.test(protocol) && hostname !== '' ? `${hostname}:${port || 6379}` : undefined
  } catch {
    return undefined
  }
}
