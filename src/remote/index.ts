// dotdog/remote: public names only.
import type { Store } from 'dotdog'
import { HttpClient } from './http-client.js'
import { type RemoteStoreOptions, targetOf } from './options.js'
import { RemoteStore } from './store.js'

export type { RemoteStoreOptions } from './options.js'

/**
 * The secrets of a central server (`dotdog serve`): `get`, `refresh`, `use` and `peek` as on the server's own machine. Fetchers
 * are not run here. A valid value survives the server's absence; a newer one arrives by a long poll.
 *
 * @throws TypeError for a wrong option.
 * @example
 * const { createDog } = require('dotdog')
 * const { remoteStore } = require('dotdog/remote')
 *
 * const dog = createDog({ store: remoteStore({ url: 'https://secrets.internal:7443', token: process.env.DOTDOG_TOKEN }) })
 * const token = await dog.get('ACCESS_TOKEN')
 */
export const remoteStore = (options: RemoteStoreOptions): Store => new RemoteStore(new HttpClient(targetOf(options)))
