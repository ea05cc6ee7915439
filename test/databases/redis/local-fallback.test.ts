// localFallback: each process fetches for itself while Redis is down. A value fetched meanwhile is
// discarded as soon as Redis holds a newer one.
import { createRequire } from 'node:module'
import t, { type Test } from 'tap'
import { startUpstream } from '../../support/upstream.js'
import { freePort } from '../support/free-port.js'
import { pause, startWorker, until, values } from '../support/workers.js'
import { configOf, engine, type Server, startRedis } from './server.js'

const require = createRequire(import.meta.url)
const { createDog }: typeof import('../../../index.js') = require('../../../dist/index.js')
const { redisStore }: typeof import('../../../src/redis/index.js') = require('../../../dist/redis/index.js')

t.test('Without Redis each process fetches for itself; once Redis is back all use one value', engine, async (t) => {
  const port = await freePort()
  const store = { url: `redis://127.0.0.1:${port}`, localFallback: true }
  const upstream = await startUpstream()
  t.teardown(() => upstream.close())
  const loops = Array.from({ length: 3 }, () => startWorker(t, configOf(store), upstream, { LOOP: '10' }))
  await until(() => loops.every((worker) => worker.last()?.value), { what: 'all have a value' })
  t.equal(upstream.count, 3)
  t.equal(values(loops).length, 3)
  for (const worker of loops) t.match(worker.last()!.warnings, [/fetches for itself/])
  await startRedis(t, { port })
  await until(() => values(loops).length === 1, { what: 'all have one' })
  await pause(300)
  const ended = await Promise.all(loops.map((worker) => worker.end()))
  t.equal(upstream.count, 3)
  for (const { warnings } of ended) t.equal(warnings.length, 1, `one warning each: ${warnings}`)
})

t.test('A generation from a clock that was ahead does not prevent a fetch during an outage', engine, async (t) => {
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

/**
 * A key as one process sees it, with its own dog and store, and the values `<name> 1`, `<name> 2`,
 * …
 */
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

/**
 * Ends with an outage in which both fetched. `b 1`, the newer value, is stored in Redis afterwards;
 * `a 2` is only in the memory of a.
 */
async function outage(t: Test, redis: Server) {
  const [a, b] = [member(t, 'a', redis.url), member(t, 'b', redis.url)]
  t.equal(await a.get(), 'a 1')
  t.equal(await b.get(), 'a 1')
  await redis.kill()
  t.equal(await a.refresh(), 'a 2')
  await pause(10)
  t.equal(await b.refresh(), 'b 1')
  const back = await startRedis(t, { port: redis.port })
  await until(
    async () => {
      await b.get()
      return /"b 1"/.test((await back.admin.hget('dotdog:{K}:record', 'text')) ?? '')
    },
    { what: 'it is stored' },
  )
  await until(async () => (await a.get()) === 'b 1', { what: 'a has it' })
  return { a, b, back }
}

t.test('A value fetched during an outage does not return when Redis loses the newer value', engine, async (t) => {
  const { a, b, back } = await outage(t, await startRedis(t))
  t.equal(await b.refresh(), 'b 2')
  await until(async () => (await a.get()) === 'b 2', { what: 'a has it' })
  await back.admin.flushall()
  await pause(150)
  t.equal(await a.get(), 'a 3', 'a lost record causes one fetch')
  t.equal(await member(t, 'c', back.url).get(), 'a 3')
})

t.test('A value fetched during an outage does not return after a remove', engine, async (t) => {
  const { a, b, back } = await outage(t, await startRedis(t))
  await b.remove()
  await pause(150)
  t.equal(await a.get(), 'a 3')
  t.equal(await member(t, 'c', back.url).get(), 'a 3')
})

t.test('Known keys are listed while Redis is down', engine, async (t) => {
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

t.test('A remove that cannot reach Redis fails, and the value is kept', engine, async (t) => {
  const redis = await startRedis(t)
  const secret = member(t, 'a', redis.url)
  t.equal(await secret.get(), 'a 1')
  await redis.pause()
  t.match(await secret.remove().catch((error) => error), { code: 'ERR_DOG_STORE' })
  t.equal(await secret.get(), 'a 1', 'the process that has it does not fetch again')
  redis.resume()
  await until(() => secret.remove().catch(() => false), { what: 'it is removed' })
  t.equal(await redis.admin.exists('dotdog:{K}:record'), 0)
})

t.test('A closed store fetches nothing', async (t) => {
  const store = redisStore({ url: `redis://127.0.0.1:${await freePort()}`, localFallback: true })
  const dog = createDog({ store })
  let fetches = 0
  dog.init('K', async () => ({ value: `${++fetches}`, expiresIn: 60 }))
  await store.close()
  await t.rejects(dog.get('K'), { code: 'ERR_DOG_STORE', message: /closed/ })
  t.equal(fetches, 0)
  await dog.close()
})

t.test('Of the values that several processes fetch in one outage, the last one is stored', engine, async (t) => {
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
    await until(async () => (await a.get()) === newest && (await b.get()) === newest, { what: `both have ${newest}` })
    await pause(300)
    t.same([await a.get(), await b.get()], [newest, newest])
  }
})

t.test('A suspended Redis does not use up the timeout of a fetch', engine, async (t) => {
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

t.test('A record of a newer format version is an error, not an outage', engine, async (t) => {
  const redis = await startRedis(t)
  const secret = member(t, 'a', redis.url)
  const text = JSON.stringify({ dotdog: 99, key: 'K', value: 'of tomorrow', generation: 1 })
  await redis.admin.hset('dotdog:{K}:record', { text, generation: '1' })
  await t.rejects(secret.get(), { code: 'ERR_DOG_STORE', message: /newer/ })
})
