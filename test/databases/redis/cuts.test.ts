import { createRequire } from 'node:module'
import t from 'tap'
import type { Dog } from '../../../index.js'
import * as scripts from '../../../src/redis/scripts.js'
import { startUpstream } from '../../support/upstream.js'
import { startProxy } from './cutting-proxy.js'
import { engine, startRedis } from './server.js'
import { startWorker, until } from './workers.js'

const require = createRequire(import.meta.url)
const { createDog }: typeof import('../../../index.js') = require('../../../dist/index.js')
const { redisStore }: typeof import('../../../src/redis/index.js') = require('../../../dist/redis/index.js')

for (const [name, script] of Object.entries(scripts)) {
  // A fetch without others ends with a commit, renews nothing and asks for no holder.
  if (['RENEW', 'RELEASE', 'HOLDER'].includes(name)) continue
  t.test(`a connection that is cut after ${name} was done and before it was answered costs nothing`, engine, async (t) => {
    const { admin, port, url } = await startRedis(t)
    for (const { lua } of Object.values(scripts)) await admin.script('LOAD', lua)
    const proxy = await startProxy(t, port)
    const upstream = await startUpstream({ delay: 50 })
    t.teardown(() => upstream.close())
    proxy.cutAt = (chunk) => proxy.cuts === 0 && (chunk.includes(script.sha) || chunk.includes(script.lua))
    const worker = startWorker(t, { url: proxy.url }, upstream)
    const answer = await worker.answered
    t.equal(proxy.cuts, 1)
    t.equal(answer.value, 'token-1-of-the-upstream')
    t.same(answer.warnings, [])
    t.equal(answer.fetched, 1)
    t.same(await worker.exited.then(({ code, err }) => ({ code, err })), { code: 0, err: '' })
    const next = await startWorker(t, { url }, upstream).answered
    t.equal(next.value, 'token-1-of-the-upstream', 'it is stored')
    t.equal(upstream.count, 1)
    t.notOk(await admin.hexists('dotdog:{TOKEN}:state', 'nonce'), 'and nothing is held')
  })
}

t.test('a commit whose next connections are cut as well, while they are made, costs nothing', engine, async (t) => {
  const { port } = await startRedis(t)
  const proxy = await startProxy(t, port)
  const upstream = await startUpstream({ delay: 50 })
  t.teardown(() => upstream.close())
  proxy.cutAt = (chunk) => {
    const isCommit = proxy.cuts === 0 && chunk.includes(scripts.COMMIT.lua)
    if (isCommit) proxy.resets = 5
    return isCommit
  }
  const answer = await startWorker(t, { url: proxy.url }, upstream).answered
  t.match(answer, { value: 'token-1-of-the-upstream', fetched: 1 })
  t.same(answer.warnings, [])
  t.equal(proxy.resets, 0)
  t.equal((await startWorker(t, { url: proxy.url }, upstream).answered).value, 'token-1-of-the-upstream', 'it is stored')
  t.equal(upstream.count, 1)
})

for (const write of ['set', 'remove'] as const) {
  t.test(`${write}: what comes after a commit whose answer was lost stays`, engine, async (t) => {
    const { port, url } = await startRedis(t)
    const proxy = await startProxy(t, port)
    const stores = [proxy.url, url].map((at) => redisStore({ url: at }))
    const [writer, other] = stores.map((store): Dog => createDog({ store })) as [Dog, Dog]
    t.teardown(async () => {
      await Promise.all([writer, other].map((dog) => dog.close()))
      await Promise.all(stores.map((store) => store.close()))
    })
    let fetches = 0
    for (const dog of [writer, other]) dog.init('K', async () => ({ value: `fetched ${++fetches}`, expiresIn: 60 }))
    t.equal(await other.get('K'), 'fetched 1')
    await writer.get('K')
    let isLost = false
    proxy.cutAt = (chunk) => {
      if (!isLost && chunk.includes(scripts.COMMIT.lua)) {
        isLost = true
        proxy.silence()
      }
      return false
    }
    const written = write === 'set' ? writer.set('K', 'set', { expiresIn: 60 }) : writer.remove('K')
    await until('it is done', async () => (await stores[1]!.read('K'))?.value !== 'fetched 1')
    t.equal(await (write === 'set' ? other.refresh('K') : other.get('K')), 'fetched 2')
    t.equal(await written, write === 'set' ? undefined : true)
    t.equal((await stores[1]!.read('K'))?.value, 'fetched 2')
    t.equal(await writer.get('K'), 'fetched 2')
  })
}

t.test('a line that is cut again and again: processes in a loop get one value with one fetch', engine, async (t) => {
  const { port } = await startRedis(t)
  const proxy = await startProxy(t, port)
  const upstream = await startUpstream({ delay: 500 })
  t.teardown(() => upstream.close())
  const loops = Array.from({ length: 4 }, () => startWorker(t, { url: proxy.url }, upstream, { LOOP: '10' }))
  await upstream.asked()
  for (let i = 0; i < 20; i++) {
    proxy.cut()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await new Promise((resolve) => setTimeout(resolve, 1000))
  for (const worker of loops) t.equal(worker.last()?.value, 'token-1-of-the-upstream')
  for (const worker of loops) await worker.end()
  t.equal(upstream.count, 1)
})
