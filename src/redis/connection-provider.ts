import { Connection } from './connection.js'
import { closed } from './errors.js'
import { another, type Client, type Cluster, isCluster, make, type Redis } from './ioredis.js'

/** Where connections come from. */
export interface Source {
  /** Host and port. */
  readonly place: string
  /** What the client puts before every name. */
  readonly before: string
  /** One that is ready for commands, or as ready as its giver made it. */
  client(): Promise<Client>
  /** This one failed: the next is another. */
  drop(client: Client | undefined): void
  /** A connection of its own, not connected yet, that nobody else uses. */
  another(): Promise<Redis>
  close(): void
}

/** Connections of our own, made when they are needed. */
export class OwnSource implements Source {
  readonly before = ''
  readonly #connection = new Connection(() => this.another())

  constructor(
    readonly url: string,
    readonly tls: object | undefined,
    readonly place: string,
  ) {}

  client(): Promise<Redis> {
    return this.#connection.ready()
  }

  drop(client: Client | undefined): void {
    this.#connection.drop(client)
  }

  another(): Promise<Redis> {
    return make(this.url, this.tls)
  }

  close(): void {
    this.#connection.close()
  }
}

/** Somebody else's client: used as it is, and left to its giver. */
export class GivenSource implements Source {
  readonly place: string
  readonly before: string
  #coming: Promise<void> | undefined
  #isClosed = false

  constructor(readonly given: Client) {
    this.place = placeOf(given)
    this.before = given.options.keyPrefix ?? ''
  }

  /** What a client without a connection is sent would lie in its queue for as long as that lasts, and be done much later. */
  async client(): Promise<Client> {
    if (this.#isClosed) throw closed()
    while (!['ready', 'wait'].includes(this.given.status)) {
      if (this.given.status === 'end') throw new Error('ended')
      await (this.#coming ??= this.#change())
    }
    return this.given
  }

  /** It is connected, or never will be. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        this.#coming = undefined
        this.given.off('ready', settle).off('end', settle)
        resolve()
      }
      this.given.on('ready', settle).on('end', settle)
    })
  }

  drop(): void {}

  another(): Promise<Redis> {
    return another(this.given)
  }

  close(): void {
    this.#isClosed = true
  }
}

function placeOf(client: Client): string {
  if (isCluster(client)) return `cluster of ${startOf(client)}`
  const { path, sentinels, name, host, port } = client.options
  if (sentinels?.length) return `redis ${name}`
  return path ?? `${host}:${port}`
}

function startOf(cluster: Cluster): string {
  const [first] = (cluster as unknown as { startupNodes?: unknown[] }).startupNodes ?? []
  if (typeof first === 'number') return `127.0.0.1:${first}`
  if (typeof first === 'string') return placeOfUrl(first) ?? 'redis'
  const { host = '127.0.0.1', port = 6379 } = Object(first)
  return `${host}:${port}`
}

/** Host and port, or the path of a socket; undefined if it is no URL of Redis. */
export function placeOfUrl(url: string): string | undefined {
  if (url.startsWith('/')) return url.split('?')[0]
  // A password with / ? or # in it that was not encoded ends where a place should begin.
  if (/^[a-z]+:\/\/[^@]*[/?#][^@]*@/i.test(url)) return undefined
  try {
    const { protocol, hostname, port } = new URL(url)
    return /^rediss?:$/.test(protocol) && hostname !== '' ? `${hostname}:${port || 6379}` : undefined
  } catch {
    return undefined
  }
}
