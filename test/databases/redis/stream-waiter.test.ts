// How a waiter waits in Redis: blocked on the stream of the key, or by a subscription if blocking
// is not possible.
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import type { Dog } from '../../../index.js'
import { DIST_ENTRY, start, temporary } from '../../support/children.js'
import { rejectionOf } from '../../support/errors.js'
import { deferred, until } from '../../support/timing.js'
import { engine, type Server, startRedis } from './server.js'

const require = createRequire(import.meta.url)
const { createDog }: typeof import('../../../index.js') = require('../../../dist/index.js')
const { redisStore }: typeof import('../../../src/redis/index.js') = require('../../../dist/redis/index.js')

type Options = Parameters<typeof redisStore>[0] & { encryptionKey?: string }

function dogAt(t: Test, { encryptionKey, url, client }: Options): Dog {
  const store = redisStore({ url, client })
  const dog = createDog({ store, encryptionKey })
  t.teardown(async () => {
    await dog.close()
    await store.close()
  })
  return dog
}

/** Starts fetches of the keys, which last until `answer` or `fail` is called. */
async function holding(t: Test, options: Options, ...keys: string[]) {
  const dog = dogAt(t, options)
  const end = deferred<string>()
  const asked = keys.map((key) => {
    const called = deferred()
    dog.init(key, async () => {
      called.resolve()
      return { value: `${key} ${await end.promise}`, expiresIn: 7200 }
    })
    dog.get(key).catch(() => {})
    return called.promise
  })
  await Promise.all(asked)
  return { answer: (value = 'value') => end.resolve(value), fail: () => end.reject(new Error('down')) }
}

/** Connections that are blocked in a wait, and those that have a subscription. */
async function waits({ admin }: Server) {
  const clients = String(await admin.client('LIST'))
    .trim()
    .split('\n')
  const blocked = clients.filter((client) => /flags=\S*b/.test(client))
  const subscribed = clients.filter((client) => /sub=[1-9]/.test(client))
  return { blocked: blocked.length, subscribed: subscribed.length, ids: blocked.map((client) => /id=(\d+)/.exec(client)![1]!) }
}

const waiting = (dog: Dog, key: string): Promise<string> => {
  dog.init(key, () => ({ value: 'another', expiresIn: 7200 }))
  return dog.get(key)
}

t.test('A waiter blocks on the stream, and the commit brings it the record without a read', engine, async (t) => {
  const server = await startRedis(t)
  const holder = await holding(t, server, 'K')
  const got = waiting(dogAt(t, server), 'K')
  await until(async () => (await waits(server)).blocked === 1)
  await server.admin.config('RESETSTAT')
  holder.answer()
  t.equal(await got, 'K value')
  const stats = String(await server.admin.info('commandstats'))
  t.match(stats, /cmdstat_hset:calls=/)
  t.notMatch(stats, /cmdstat_(hget|xread):/)
  t.equal((await waits(server)).subscribed, 0)
  const stream = await server.admin.xrange('dotdog:{K}:events', '-', '+')
  t.equal(stream.length, 1, 'one entry')
})

t.test('A blocked waiter gets the record with encryption and a client that has a key prefix', engine, async (t) => {
  const server = await startRedis(t)
  const client = new Redis(server.url, { keyPrefix: 'app:' })
  t.teardown(() => client.disconnect())
  const options: Options = { client, encryptionKey: '1f'.repeat(32) }
  const holder = await holding(t, options, 'K')
  const got = waiting(dogAt(t, options), 'K')
  await until(async () => (await waits(server)).blocked === 1)
  holder.answer()
  t.equal(await got, 'K value')
  t.notMatch(String(await server.admin.hget('app:dotdog:{K}:record', 'text')), 'K value')
  t.notMatch(JSON.stringify(await server.admin.xrange('app:dotdog:{K}:events', '-', '+')), 'K value')
})

t.test('A dog waits for one key on the stream and for others by a subscription, and gets each value', engine, async (t) => {
  const server = await startRedis(t)
  const holder = await holding(t, server, 'A', 'B', 'C')
  const dog = dogAt(t, server)
  const got = Promise.all(['A', 'B', 'C'].map((key) => waiting(dog, key)))
  await until(async () => {
    const { blocked, subscribed } = await waits(server)
    return blocked === 1 && subscribed === 1
  })
  holder.answer()
  t.strictSame(await got, ['A value', 'B value', 'C value'])
})

t.test('A failed fetch ends a blocked wait with the failure', engine, async (t) => {
  const server = await startRedis(t)
  const holder = await holding(t, server, 'K')
  const error = rejectionOf(waiting(dogAt(t, server), 'K'))
  await until(async () => (await waits(server)).blocked === 1)
  holder.fail()
  t.match(await error, { code: 'ERR_DOG_FETCH', message: 'The fetcher of "K" failed: down' })
})

t.test('A waiter whose blocked connection is cut blocks again, and gets the value', engine, async (t) => {
  const server = await startRedis(t)
  const holder = await holding(t, server, 'K')
  const got = waiting(dogAt(t, server), 'K')
  for (let cuts = 0; cuts < 3; cuts++) {
    let ids: string[] = []
    await until(async () => ({ ids } = await waits(server)).ids.length > 0)
    await server.admin.client('KILL', 'ID', ids[0]!)
  }
  await until(async () => (await waits(server)).blocked === 1)
  holder.answer()
  t.equal(await got, 'K value')
})

const RIGHTS = 'hello auth evalsha eval hget hmget hset hdel del time publish subscribe ping scan client'
const STREAMS = ['xadd', 'xread', 'xrevrange', 'exists']

/** Options of a store whose user has these rights to streams. */
async function user({ admin, port }: Server, name: string, streams: string[]): Promise<Options> {
  const rights = [...RIGHTS.split(' '), ...streams].map((right) => `+${right}`)
  await admin.acl('SETUSER', name, 'on', '>a-password', '~dotdog:*', '&dotdog:*', '-@all', ...rights)
  return { url: `redis://${name}:a-password@127.0.0.1:${port}` }
}

for (const [what, ofHolder, ofWaiter, blocked] of [
  ['nobody may use streams', [], [], 0],
  ['the holder may not add to the stream', ['xread', 'xrevrange', 'exists'], STREAMS, 0],
  ['the waiter may not read it', STREAMS, ['xadd', 'xrevrange', 'exists'], 0],
  ['both may', STREAMS, STREAMS, 1],
] as [string, string[], string[], number][]) {
  t.test(`A waiter gets the value, blocked or subscribed, when ${what}`, engine, async (t) => {
    const server = await startRedis(t)
    const holder = await holding(t, await user(server, 'holder', ofHolder), 'K')
    const got = waiting(dogAt(t, await user(server, 'waiter', ofWaiter)), 'K')
    await until(async () => {
      const found = await waits(server)
      return found.blocked === blocked && found.subscribed === 1 - blocked
    })
    holder.answer()
    t.equal(await got, 'K value')
  })
}

t.test('A wait that its caller aborted keeps no process alive', engine, async (t) => {
  const server = await startRedis(t)
  const holder = await holding(t, server, 'K')
  const dir = temporary((end) => t.teardown(end))
  const script = join(dir, 'give-up.cjs')
  writeFileSync(
    script,
    `const { createDog } = require(process.env.DIST_ENTRY)
    const { redisStore } = require(process.env.DIST_ENTRY.replace('index.js', 'redis/index.js'))
    const dog = createDog({ store: redisStore({ url: process.env.URL }) })
    dog.init('K', () => ({ value: 'another', expiresIn: 7200 }))
    dog.get('K', { signal: AbortSignal.timeout(700) }).catch((error) => console.log(error.name))`,
  )
  const { out, code } = await start(script, { DIST_ENTRY, URL: server.url }).exited
  t.strictSame({ out, code }, { out: 'TimeoutError\n', code: 0 })
  // The process ended while the fetch was still under way.
  t.type(await server.admin.hget('dotdog:{K}:state', 'nonce'), 'string')
  holder.answer()
})
