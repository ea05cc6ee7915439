import { createRequire } from 'node:module'
import t from 'tap'
import { ACQUIRE } from '../../../src/redis/scripts.js'
import { startUpstream } from '../../support/upstream.js'
import { startProxy } from './cutting-proxy.js'
import { engine, startRedis } from './server.js'
import { startWorker, until, values } from './workers.js'

const require = createRequire(import.meta.url)
const { createDog }: typeof import('../../../index.js') = require('../../../dist/index.js')
const { redisStore }: typeof import('../../../src/redis/index.js') = require('../../../dist/redis/index.js')

/** Milliseconds in which the others have begun to wait. */
const BOOT = 2000

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

// Longer than one operation may take (500 ms), shorter than a lease (5 s).
for (const ms of [900, 2000, 3000]) {
  t.test(`a Redis without our scripts that stands still for ${ms} ms around the commit costs no fetch`, engine, async (t) => {
    const server = await startRedis(t)
    const upstream = await startUpstream({ delay: BOOT + 300 })
    t.teardown(() => upstream.close())
    const asked = upstream.asked()
    const loops = Array.from({ length: 4 }, () => startWorker(t, { url: server.url }, upstream, { LOOP: '10' }))
    await asked
    await pause(BOOT)
    await server.admin.script('FLUSH')
    await server.pause()
    await until('the value is there', () => upstream.answeredAt.length === 1)
    await pause(ms)
    server.resume()
    await until('all have a value', () => loops.every((worker) => worker.last()?.value))
    await pause(500)
    t.equal(upstream.count, 1)
    t.strictSame(values(loops), ['token-1-of-the-upstream'])
    for (const worker of loops) {
      t.same((await worker.end()).warnings, [])
      t.notOk(worker.said().some(({ error }) => error))
    }
  })
}

t.test('a Redis that cannot be reached at the commit is given the value when it can', engine, async (t) => {
  const { port, url } = await startRedis(t)
  const proxy = await startProxy(t, port)
  const upstream = await startUpstream({ delay: 300 })
  t.teardown(() => upstream.close())
  const asked = upstream.asked()
  const worker = startWorker(t, { url: proxy.url }, upstream)
  await asked
  proxy.resets = Number.POSITIVE_INFINITY
  proxy.cut()
  await pause(1500)
  t.equal(upstream.answeredAt.length, 1)
  proxy.resets = 0
  t.match(await worker.answered, { value: 'token-1-of-the-upstream', warnings: [] })
  t.equal((await startWorker(t, { url }, upstream).answered).value, 'token-1-of-the-upstream', 'it is stored')
  t.equal(upstream.count, 1)
})

t.test('a commit that Redis refuses is told at once, and holds up nobody', engine, async (t) => {
  const { admin, port } = await startRedis(t)
  await admin.acl('SETUSER', 'limited', 'on', '>word', '~*', '&*', '+@all', '-del')
  const store = redisStore({ url: `redis://limited:word@127.0.0.1:${port}` })
  t.teardown(() => store.close())
  const dog = createDog({ store })
  dog.init('K', async () => ({ value: 'v', expiresIn: 60 }))
  await dog.get('K')
  const begun = performance.now()
  await t.rejects(dog.remove('K'), { code: 'ERR_DOG_STORE' })
  t.ok(performance.now() - begun < 3000, 'not when the lease of 5 s has run out')
  t.notOk(await admin.hexists('dotdog:{K}:state', 'nonce'), 'nothing is held')
  t.equal(await dog.get('K'), 'v')
  await dog.close()
})

for (const lacks of [['resetchannels'], ['resetchannels', '-hdel']]) {
  t.test(`a commit that Redis has done is one, though it refuses what comes after: ${lacks}`, engine, async (t) => {
    const { admin, port, url } = await startRedis(t)
    await admin.acl('SETUSER', 'limited', 'on', '>word', '~*', '&*', '+@all', ...lacks)
    const stores = [`redis://limited:word@127.0.0.1:${port}`, url].map((at) => redisStore({ url: at }))
    const dog = createDog({ store: stores[0]! })
    t.teardown(async () => {
      await dog.close()
      await Promise.all(stores.map((store) => store.close()))
    })
    const warnings: string[] = []
    dog.on('warning', ({ message }) => warnings.push(message))
    await dog.set('K', 'set', { expiresIn: 60 })
    t.equal((await stores[1]!.read('K'))?.value, 'set')
    dog.init('L', async () => ({ value: 'fetched', expiresIn: 60 }))
    t.equal(await dog.get('L'), 'fetched')
    t.equal((await stores[1]!.read('L'))?.value, 'fetched')
    t.same(warnings, [])
  })
}

t.test('a take that Redis does when it wakes up, for somebody who waits no more, is undone', engine, async (t) => {
  const server = await startRedis(t)
  const store = redisStore({ url: server.url })
  t.teardown(() => store.close())
  // All that a take needs is known to Redis, and nothing that ends one.
  await server.admin.script('LOAD', ACQUIRE.lua)
  await store.read('K')
  await server.pause()
  await t.rejects(store.acquire('K', 30), { code: 'ERR_DOG_STORE' })
  await pause(700)
  server.resume()
  await until('it was done', async () => Boolean(await server.admin.hget('dotdog:{K}:state', 'drawn')))
  await until('it is undone', async () => !(await server.admin.hexists('dotdog:{K}:state', 'nonce')), 3000)
})
