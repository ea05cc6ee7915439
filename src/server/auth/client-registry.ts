import { hash, timingSafeEqual } from 'node:crypto'
import { LongTimer } from '../../core/shared/long-timer.js'
import type { Client, ClientConfig, Clients } from '../http/client.js'
import { checkClients, epochMsOf } from './client-rules.js'

/** One token of a client. During a rotation a client has two. */
export interface RegisteredClient extends Client {
  /** 64 hex digits. */
  readonly tokenHash: Buffer
  /** Epoch milliseconds; Infinity: never. */
  readonly expiresAt: number
  /**
   * The configuration it was made from. A client whose fingerprint stays the same is kept when the
   * list is replaced.
   */
  readonly fingerprint: string
}

/**
 * On a socket of the operator, and on a socket of a server without clients, no token is needed, and
 * every request may do everything.
 */
export const LOCAL_CLIENT: RegisteredClient = {
  name: 'local',
  mayRead: () => true,
  mayRefresh: true,
  mayProxy: true,
  tokenHash: Buffer.alloc(64),
  expiresAt: Number.POSITIVE_INFINITY,
  fingerprint: '',
}

/**
 * Holds the hash as 64 hex digits, which is several times cheaper than as bytes. The next call
 * overwrites it.
 */
const hashBuffer = Buffer.alloc(64)
function hashOf(token: string): Buffer {
  hashBuffer.write(hash('sha256', token, 'hex'), 'latin1')
  return hashBuffer
}

/** The clients that are valid now, found by the hash of their tokens. */
export class ClientRegistry implements Clients {
  /** Undefined: the server has no clients, and every request may do everything. */
  #clients: readonly RegisteredClient[] | undefined
  readonly #expiryTimer = new LongTimer()
  readonly #onRightsChange: () => void

  /**
   * @param configs undefined: every request may do everything
   * @param onRightsChange called after tokens were revoked, changed or expired: what those clients
   * hold open must end
   * @throws TypeError for the first entry that is wrong.
   */
  constructor(configs: readonly ClientConfig[] | undefined, onRightsChange: () => void) {
    this.#clients = configs === undefined ? undefined : registered(configs)
    this.#onRightsChange = onRightsChange
    this.#armExpiryTimer()
  }

  get isOpen(): boolean {
    return this.#clients === undefined
  }

  /** Replaces the list. A client that is unchanged in the new list keeps its open requests. */
  replace(configs: readonly ClientConfig[]): void {
    const old = new Map(this.#clients?.map((client) => [client.fingerprint, client]))
    this.#clients = registered(configs).map((client) => old.get(client.fingerprint) ?? client)
    this.#onRightsChange()
    this.#armExpiryTimer()
  }

  /**
   * The client of a token, also of an expired one. Compares with all clients, so that the time
   * reveals neither which client it was nor how close a guess came.
   */
  byToken(token: string): RegisteredClient | undefined {
    if (this.#clients === undefined) return LOCAL_CLIENT
    const tokenHash = hashOf(token)
    let found: RegisteredClient | undefined
    for (const client of this.#clients) if (timingSafeEqual(tokenHash, client.tokenHash)) found = client
    return found
  }

  /** Returns whether the client is still registered and its token has not expired. */
  has(client: Client): boolean {
    if (this.#clients === undefined || client === LOCAL_CLIENT) return true
    const known = this.#clients.find((candidate) => candidate === client)
    return known !== undefined && known.expiresAt > Date.now()
  }

  find(token: string): Client | undefined {
    const client = this.byToken(token)
    return client === undefined || client.expiresAt <= Date.now() ? undefined : client
  }

  close(): void {
    this.#expiryTimer.stop()
  }

  /** Waits for the next token to expire. */
  #armExpiryTimer(): void {
    this.#expiryTimer.stop()
    const now = Date.now()
    const later = (this.#clients ?? []).map(({ expiresAt }) => expiresAt).filter((time) => time > now)
    const next = Math.min(...later)
    if (!Number.isFinite(next)) return
    this.#expiryTimer.set(next - now + 1, () => {
      this.#onRightsChange()
      this.#armExpiryTimer()
    })
  }
}

const registered = (configs: unknown): RegisteredClient[] =>
  checkClients(configs).flatMap(({ name, tokenSha256, keys, refresh = false, proxy = false, expires }) =>
    [tokenSha256].flat().map((digest) => ({
      name,
      mayRead: keyMatcher(keys),
      mayRefresh: refresh,
      mayProxy: proxy,
      tokenHash: Buffer.from(digest, 'latin1'),
      expiresAt: expires === undefined ? Number.POSITIVE_INFINITY : epochMsOf(expires),
      fingerprint: JSON.stringify([name, digest, keys, refresh, proxy, expires]),
    })),
  )

function keyMatcher(keys: readonly string[]): (key: string) => boolean {
  const names = new Set(keys.filter((key) => !key.endsWith('*')))
  const prefixes = keys.filter((key) => key.endsWith('*')).map((key) => key.slice(0, -1))
  return (key) => names.has(key) || prefixes.some((prefix) => key.startsWith(prefix))
}
