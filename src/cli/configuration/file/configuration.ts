import type { ClientConfig } from 'dotdog/server'
import type { SecretReference } from '../../keys/secret.js'
import type { ListenConfig } from '../../lib/config.js'

/** The configuration as its file has it: references to secrets, and paths relative to the file. */
export interface ConfigurationFile {
  dir?: string
  store?: StoreReference
  encryptionKey?: SecretReference | SecretReference[]
  keys?: Record<string, Record<string, unknown>>
  listen?: ListenConfig
  module?: string
  wechat?: AccountReference[]
  clients?: ClientConfig[]
}

export type StoreReference =
  | string
  | SecretReference
  | { url: string; password?: SecretReference; token?: SecretReference; ca?: string }

/** An account of `wechat`. */
export interface AccountReference {
  appId: string
  appSecret: SecretReference
  stable?: boolean
  prefix?: string
  baseUrl?: string
}

/** A configuration that was found and checked. */
export interface Configuration {
  /** The file; `undefined` where there is none. */
  path: string | undefined
  /** The folder that relative paths start from. */
  folder: string
  data: ConfigurationFile
}
