import t from 'tap'
import { startUpstream } from '../../support/upstream.js'
import { startProxy } from './cutting-proxy.js'
import { engine, freePort, startRedis } from './server.js'
import { startWorker, until } from './workers.js'

/** Seconds that Redis stands still; the issue names 10. */
const STILL = Number(process.env.DOTDOG_REDIS_STILL ?? 3)

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

t.test('Redis killed and restarted empty: one more fetch, and all use its value', engine, async (t) => {
  const first = await startRedis(t)
  const { url, port } = first
  const upstream = await startUpstream()
  t.teardown(() => upstream.close())
  const loops = Array.from({ length: 8 }, () => startWorker(t, { url }, upstream, { LOOP: '10' }))
  await until('all have a value', () => loops.every((worker) => worker.last()?.value))
  t.equal(upstream.count, 1)
  await first.kill()
  await pause(1500)
  t.equal(upstream.count, 1, 'nothing is fetched behind its back')
  await startRedis(t, { port })
  const since = performance.now()
  await until('all have the next', () => loops.every((worker) => worker.last()?.value === 'token-2-of-the-upstream'))
  t.comment(`all use one value ${Math.round(performance.now() - since)} ms after the restart`)
  await pause(500)
  const ended = await Promise.all(loops.map((worker) => worker.end()))
  t.equal(upstream.count, 2)
  for (const worker of loops) {
    const answers = worker.said().filter(({ value, error }) => value ?? error)
    t.strictSame(
      answers.map(({ value, error }) => value ?? error),
      ['token-1-of-the-upstream', 'token-2-of-the-upstream'],
      'the value was served while Redis was down',
    )
  }
  for (const { warnings } of ended) t.equal(warnings.length, 1, `one warning each: ${warnings}`)
})

t.test('a replica is promoted: all go on with the value it has', engine, async (t) => {
  const master = await startRedis(t)
  const replica = await startRedis(t, { args: ['--replicaof', '127.0.0.1', String(master.port)] })
  await until('the replica is in step', async () => /master_link_status:up/.test(await replica.admin.info('replication')))
  const proxy = await startProxy(t, master.port)
  const upstream = await startUpstream()
  t.teardown(() => upstream.close())
  const loops = Array.from({ length: 6 }, () => startWorker(t, { url: proxy.url }, upstream, { LOOP: '10' }))
  await until('all have a value', () => loops.every((worker) => worker.last()?.value))
  await master.admin.wait(1, 5000)
  await master.kill()
  await pause(300)
  await replica.admin.replicaof('NO', 'ONE')
  proxy.target = replica.port
  await pause(500)
  t.equal(upstream.count, 1, 'the value was there')
  await startWorker(t, { url: proxy.url }, upstream, { REFRESH: '{}' }).answered
  await until('all have the next', () => loops.every((worker) => worker.last()?.value === 'token-2-of-the-upstream'))
  await Promise.all(loops.map((worker) => worker.end()))
  t.equal(upstream.count, 2)
})

t.test('a replica is promoted that has not got the newest value: reports of the old one are one fetch', engine, async (t) => {
  const master = await startRedis(t)
  const replica = await startRedis(t, { args: ['--replicaof', '127.0.0.1', String(master.port)] })
  await until('the replica is in step', async () => /master_link_status:up/.test(await replica.admin.info('replication')))
  const proxy = await startProxy(t, master.port)
  const upstream = await startUpstream()
  t.teardown(() => upstream.close())
  const store = { url: proxy.url }
  const loops = Array.from({ length: 6 }, () => startWorker(t, store, upstream, { LOOP: '10' }))
  const all = (value: string) => until(`all have ${value}`, () => loops.every((worker) => worker.last()?.value === value))
  await all('token-1-of-the-upstream')
  await master.admin.wait(1, 5000)
  // What is written from now on does not reach it.
  await replica.admin.replicaof('NO', 'ONE')
  await startWorker(t, store, upstream, { REFRESH: '{}' }).answered
  await all('token-2-of-the-upstream')
  proxy.target = replica.port
  await master.kill()
  await all('token-1-of-the-upstream')
  t.equal(upstream.count, 2)
  const REFRESH = JSON.stringify({ rejected: 'token-1-of-the-upstream' })
  await Promise.all(Array.from({ length: 4 }, () => startWorker(t, store, upstream, { REFRESH }).answered))
  await all('token-3-of-the-upstream')
  await Promise.all(loops.map((worker) => worker.end()))
  t.equal(upstream.count, 3)
})

t.test(
  `Redis stands still for ${STILL} s: values in memory are served, the rest fails, nothing is fetched`,
  engine,
  async (t) => {
    const server = await startRedis(t)
    const { url } = server
    const upstream = await startUpstream()
    t.teardown(() => upstream.close())
    const loops = Array.from({ length: 4 }, () => startWorker(t, { url }, upstream, { LOOP: '10' }))
    await until('all have a value', () => loops.every((worker) => worker.last()?.value))
    await server.pause()
    const stoppedAt = performance.now()
    const miss = startWorker(t, { url }, upstream, { KEY: 'MISSING' })
    const answer = await miss.answered
    t.equal(answer.error, 'ERR_DOG_STORE')
    t.match(answer.message, /ETIMEDOUT/)
    t.ok(answer.ms >= 490 && answer.ms < 5000, `${answer.ms} ms`)
    t.equal((await miss.exited).code, 0, 'and the process ends by itself')
    await pause(STILL * 1000 - (performance.now() - stoppedAt))
    t.equal(upstream.count, 1, 'nothing is fetched behind its back')
    server.resume()

    const next = startWorker(t, { url }, upstream, { REFRESH: '{}' })
    t.equal((await next.answered).value, 'token-2-of-the-upstream')
    await until('all have the next', () => loops.every((worker) => worker.last()?.value === 'token-2-of-the-upstream'))
    const ended = await Promise.all(loops.map((worker) => worker.end()))
    t.equal(upstream.count, 2)
    for (const { warnings } of ended) t.equal(warnings.length, 1, `one warning each: ${warnings}`)
    for (const worker of loops) t.notOk(worker.said().some(({ error }) => error))
  },
)

t.test('no Redis at all: a get fails at once, and the process ends by itself', engine, async (t) => {
  const upstream = await startUpstream()
  t.teardown(() => upstream.close())
  const worker = startWorker(t, { url: `redis://user:marked-password@127.0.0.1:${await freePort()}` }, upstream)
  const answer = await worker.answered
  t.equal(answer.error, 'ERR_DOG_STORE')
  t.match(answer.message, /ECONNREFUSED/)
  t.notMatch(answer.message, /marked-password|user/)
  t.same(await worker.exited.then(({ code, err }) => ({ code, err })), { code: 0, err: '' })
  t.equal(upstream.count, 0)
})
