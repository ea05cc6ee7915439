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
