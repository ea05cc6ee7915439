/** One client of the server, and what it may do. */
export interface Client {
  readonly name: string
  mayRead(key: string): boolean
  readonly mayRefresh: boolean
  /** Whether calls to other paths of the platform are passed on for it. */
  readonly mayProxy: boolean
}

/** The clients of the moment: the list changes while the server runs. */
export interface Clients {
  /** Whose token this is; compared in constant time. */
  find(token: string): Client | undefined
}

/** A client as the configuration has it: its token is known by its hash only. */
export interface ClientConfig {
  name: string
  /** SHA-256 of the token, 64 hex digits. `dotdog token <name>` makes one. */
  tokenSha256: string
  /** The keys it may read: names, `'*'` for all, or beginnings such as `'WX_*'`. */
  keys: string[]
  /** Whether it may have values replaced. Default false. */
  refresh?: boolean
  /** Whether calls to other paths of the platform are passed on for it. Default false. */
  proxy?: boolean
  /** The end of its token: an ISO string, or epoch milliseconds. Default never. */
  expires?: string | number
}
