// Parts of the configuration as `serve` uses them: secrets are resolved.

export interface AccountConfig {
  appId: string
  appSecret: string
  stable?: boolean
  prefix?: string
  baseUrl?: string
}

export interface ListenConfig {
  socket?: string
  port?: number
  host?: string
  behindProxy?: boolean
  tlsCert?: string
  tlsKey?: string
  hosts?: string[]
  socketMode?: string
  socketGroup?: string
}
