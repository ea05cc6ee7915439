/** One client of the server, and what it may do. */
export interface Client {
  readonly name: string
  mayRead(key: string): boolean
  readonly mayRefresh: boolean
  /** Whether this client's calls to other paths of the platform are passed on. */
  readonly mayProxy: boolean
}

/** The clients that are valid now. The list changes while the server runs. */
export interface Clients {
  /**
   * The client that a token belongs to; `undefined` for an unknown or expired token. Compares in
   * constant time.
   */
  find(token: string): Client | undefined
}

/** A client in the configuration, which holds only the hash of its token. */
export interface ClientConfig {
  /** 1 to 64 visible ASCII characters, unique in the list. */
  name: string
  /**
   * SHA-256 of the token, 64 hex digits. `dotdog token <name>` makes one. A list of two accepts
   * both tokens, for a rotation without a gap.
   */
  tokenSha256: string | string[]
  /** The keys it may read: names, `'*'` for all, or prefixes such as `'WX_*'`. */
  keys: string[]
  /** Whether it may have values replaced. Default false. */
  refresh?: boolean
  /** Whether its calls to other paths of the platform are passed on. Default false. */
  proxy?: boolean
  /** When its token expires: an ISO string, or epoch milliseconds. Default never. */
  expires?: string | number
}
