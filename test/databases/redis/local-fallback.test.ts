// localFallback: each process fetches for itself while Redis is down, and what it fetched then is over once Redis has a newer one.
import { createRequire } from 'node:module'
import t, { type Test } from 'tap'
import { startUpstream } from '../../support/upstream.js'
import { engine, freePort, type Server, startRedis } from './server.js'
import { startWorker, until, values } from './workers.js'

const require = createRequire(import.meta.url)
const { createDog }: typeof import('../../../index.js') = require('../../../dist/index.js')
const { redisStore }: typeof import('../../../src/redis/index.js') = require('../../../dist/redis/index.js')

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

t.test('without Redis each process fetches for itself; when it is back all use one value', engine, async (t) => {
  const port = await freePort()
  const store = { url: `redis://127.0.0.1:${port}`, localFallback: true }
  const upstream = await startUpstream()
  t.teardown(() => upstream.close())
  const loops = Array.from({ length: 3 }, () => startWorker(t, store, upstream, { LOOP: '10' }))
  await until('all have a value', () => loops.every((worker) => worker.last()?.value))
  t.equal(upstream.count, 3)
  t.equal(values(loops).length, 3)
  for (const worker of loops) t.match(worker.last()!.warnings, [/fetches for itself/])
  await startRedis(t, { port })
  await until('all have one', () => values(loops).length === 1)
  await pause(300)
  const ended = await Promise.all(loops.map((worker) => worker.end()))
  t.equal(upstream.count, 3)
  for (const { warnings } of ended) t.equal(warnings.length, 1, `one warning each: ${warnings}`)
})

t.test('a number from a clock that was ahead is no reason not to fetch', engine, async (t) => {
  const redis = await startRedis(t)
  const upstream = await startUpstream()
  t.teardown(() => upstream.close())
  const store = redisStore({ url: redis.url, localFallback: true })
  t.teardown(() => store.close())
  const lease = await store.acquire('K', 5)
  const generation = Date.now() + 60_000
  const record = { key: 'K', value: 'old', fetchedAt: Date.now(), expiresAt: Date.now() + 400, ahead: 0, generation }
  t.equal(await lease!.commit(record), true)
  const dog = createDog({ store })
  let fetches = 0
  dog.init('K', async () => ({ value: `new ${++fetches}`, expiresIn: 60 }))
  t.equal(await dog.get('K'), 'old')
  await redis.kill()
  await pause(500)
  t.equal(await dog.get('K'), 'new 1')
  t.ok(dog.peek('K')!.generation > generation)
  t.equal(fetches, 1)
  await dog.close()
})

/** Two processes' worth: each with a dog and a store of its own, and values `<name> 1`, `<name> 2`, … */
function member(t: Test, name: string, url: string) {
  const store = redisStore({ url, localFallback: true })
  const dog = createDog({ store })
  let fetches = 0
  const secret = dog.init<string>('K', async () => ({ value: `${name} ${++fetches}`, expiresIn: 7200 }))
  t.teardown(async () => {
    await dog.close()
    await store.close()
  })
  return secret
}

/** After an outage in which both fetched: `b 1`, the newer one, was handed over; `a 2` is only in a's own memory. */
async function outage(t: Test, redis: Server) {
  const [a, b] = [member(t, 'a', redis.url), member(t, 'b', redis.url)]
  t.equal(await a.get(), 'a 1')
  t.equal(await b.get(), 'a 1')
  await redis.kill()
  t.equal(await a.refresh(), 'a 2')
  await pause(10)
  t.equal(await b.refresh(), 'b 1')
  const back = await startRedis(t, { port: redis.port })
  await until('it is handed over', async () => {
    await b.get()
    return /"b 1"/.test((await back.admin.hget('dotdog:{K}:record', 'text')) ?? '')
  })
  await until('a has it', async () => (await a.get()) === 'b 1')
  return { a, b, back }
}

t.test('what was fetched in an outage does not come back when Redis loses what came after it', engine, async (t) => {
  const { a, b, back } = await outage(t, await startRedis(t))
  t.equal(await b.refresh(), 'b 2')
  await until('a has it', async () => (await a.get()) === 'b 2')
  await back.admin.flushall()
  await pause(150)
  t.equal(await a.get(), 'a 3', 'a lost record costs one fetch')
  t.equal(await member(t, 'c', back.url).get(), 'a 3')
})

t.test('what was fetched in an outage does not come back after a remove', engine, async (t) => {
  const { a, b, back } = await outage(t, await startRedis(t))
  await b.remove()
  await pause(150)
  t.equal(await a.get(), 'a 3')
  t.equal(await member(t, 'c', back.url).get(), 'a 3')
})

t.test('keys that are known are listed while Redis is down', engine, async (t) => {
  const redis = await startRedis(t)
  const store = redisStore({ url: redis.url, localFallback: true })
  t.teardown(() => store.close())
  const dog = createDog({ store })
  await dog.set('K', 'v', { expiresIn: 60 })
  await dog.get('K')
  await redis.kill()
  t.strictSame(
    (await dog.status()).map(({ key }) => key),
    ['K'],
  )
})

t.test('what cannot be removed in Redis is an error, and nothing is forgotten', engine, async (t) => {
  const redis = await startRedis(t)
  const secret = member(t, 'a', redis.url)
  t.equal(await secret.get(), 'a 1')
  await redis.pause()
  t.match(await secret.remove().catch((error) => error), { code: 'ERR_DOG_STORE' })
  t.equal(await secret.get(), 'a 1', 'who fetched it does not fetch again')
  redis.resume()
  await until('it is removed', () => secret.remove().catch(() => false))
  t.equal(await redis.admin.exists('dotdog:{K}:record'), 0)
})

t.test('a store that was closed fetches nothing', async (t) => {
  const store = redisStore({ url: `redis://127.0.0.1:${await freePort()}`, localFallback: true })
  const dog = createDog({ store })
  let fetches = 0
  dog.init('K', async () => ({ value: `${++fetches}`, expiresIn: 60 }))
  await store.close()
  await t.rejects(dog.get('K'), { code: 'ERR_DOG_STORE', message: /closed/ })
  t.equal(fetches, 0)
  await dog.close()
})

t.test('of what several processes fetch in one outage, that of the last fetch is handed over', engine, async (t) => {
  let redis = await startRedis(t)
  const [a, b] = [member(t, 'a', redis.url), member(t, 'b', redis.url)]
  t.same([await a.get(), await b.get()], ['a 1', 'a 1'])
  for (const round of [1, 2]) {
    await redis.kill()
    for (const one of [a, b, a]) {
      await one.refresh()
      await pause(20)
    }
    redis = await startRedis(t, { port: redis.port })
    const newest = `a ${2 * round + 1}`
    await until(`both have ${newest}`, async () => (await a.get()) === newest && (await b.get()) === newest)
    await pause(300)
    t.same([await a.get(), await b.get()], [newest, newest])
  }
})

t.test('a Redis that says nothing does not use up the time of a fetch', engine, async (t) => {
  const redis = await startRedis(t)
  const store = redisStore({ url: redis.url, localFallback: true })
  t.teardown(() => store.close())
  await redis.pause()
  for (const timeout of [0.5, 1, 2]) {
    const dog = createDog({ store })
    const key = `K${timeout * 10}`
    dog.init(key, async () => ({ value: 'fetched', expiresIn: 60 }), { timeout })
    t.equal(await dog.get(key), 'fetched')
    await dog.close()
  }
  redis.resume()
})

t.test('a record of a newer version is no outage', engine, async (t) => {
  const redis = await startRedis(t)
  const secret = member(t, 'a', redis.url)
  const text = JSON.stringify({ dotdog: 99, key: 'K', value: 'of tomorrow', generation: 1 })
  await redis.admin.hset('dotdog:{K}:record', { text, generation: '1' })
  await t.rejects(secret.get(), { code: 'ERR_DOG_STORE', message: /newer/ })
})
