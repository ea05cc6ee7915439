// The entry point of dotdog/remote: public names only.
import type { Store } from 'dotdog'
import { HttpClient } from './http-client.js'
import { type RemoteStoreOptions, targetOf } from './options.js'
import { RemoteStore } from './store.js'

export type { RemoteStoreOptions } from './options.js'

/**
 * A store with the secrets of a central server (`dotdog serve`): `get`, `refresh`, `use` and `peek`
 * work as on the server's own machine. Fetchers do not run here. A valid value is served while the
 * server is away. A newer value arrives by a long poll. `set` and `remove` fail with
 * `ERR_DOG_STORE`: they belong on the server's side.
 *
 * @throws TypeError for an option that is wrong or unknown.
 * @example
 * const { createDog } = require('dotdog')
 * const { remoteStore } = require('dotdog/remote')
 *
 * const dog = createDog({ store: remoteStore({ url: 'https://secrets.internal:7443', token: process.env.DOTDOG_TOKEN }) })
 * const token = await dog.get('ACCESS_TOKEN')
 */
export const remoteStore = (options: RemoteStoreOptions): Store => new RemoteStore(new HttpClient(targetOf(options)))
