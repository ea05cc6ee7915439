import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import type { Test } from 'tap'
import type { Dog, DogError, DogOptions, Store } from '../../index.js'
import { temporary } from '../support/children.js'
import '../support/built.js'

/** A central server and the stores of its clients, in this process, over real sockets. */

const require = createRequire(import.meta.url)
export const dotdog: typeof import('../../index.js') = require('../../dist/index.js')
export const { createServer }: typeof import('../../src/server/index.js') = require('../../dist/server/index.js')
export const { remoteStore }: typeof import('../../src/remote/index.js') = require('../../dist/remote/index.js')

export const TOKEN = 'a-token-of-a-client-0123456789'
export const CLIENT = {
  name: 'business',
  tokenSha256: createHash('sha256').update(TOKEN).digest('hex'),
  keys: ['*'],
  refresh: true,
}

export interface Central {
  dir: string
  dog: Dog
  url: string
  server: ReturnType<typeof createServer>
  /** Makes a store of a client. */
  store: (token?: string) => Store
  /** Makes a dog on such a store. */
  client: (options?: DogOptions) => Dog
  /** The number of fetches of FETCHED. */
  fetches: () => number
}

/** Starts a server with the keys of a folder, and a fetcher for the key FETCHED. */
export async function central(
  t: Test,
  clients = [CLIENT],
  port = 0,
  dir = temporary((end) => t.teardown(end)),
): Promise<Central> {
  const dog = dotdog.createDog({ dir })
  let fetches = 0
  dog.init('FETCHED', async () => ({ value: `fetched ${++fetches} by ${process.pid}`, expiresIn: 7200 }))
  const server = createServer({ dog, clients })
  const url = await server.listen({ port })
  const stores: Store[] = []
  const store = (token = TOKEN) => {
    const opened = remoteStore({ url, token })
    stores.push(opened)
    return opened
  }
  t.teardown(async () => {
    await Promise.all(stores.map((opened) => opened.close()))
    await server.close()
    await dog.close()
  })
  return {
    dir,
    dog,
    url,
    server,
    store,
    client: (options) => dotdog.createDog({ ...options, store: store() }),
    fetches: () => fetches,
  }
}

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The code of the error that a promise is rejected with. */
export const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    (value) => `a value: ${value}`,
    (error: DogError) => error.code,
  )

/** Waits until a condition is true. */
export async function until(condition: () => unknown): Promise<void> {
  const end = performance.now() + 20_000
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`never true: ${condition}`)
    await pause(10)
  }
}
