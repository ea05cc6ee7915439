// A replica that is promoted after its master failed.
import t, { type Test } from 'tap'
import { startUpstream } from '../../support/upstream.js'
import { startProxy } from '../support/cutting-proxy.js'
import { allHave, pause, startWorker, until } from '../support/workers.js'
import { configOf, engine, type Server, startRedis, urlOf } from './server.js'

/** A replica that has everything that its master has. */
async function startReplica(t: Test, master: Server): Promise<Server> {
  const replica = await startRedis(t, { args: ['--replicaof', '127.0.0.1', String(master.port)] })
  const isInStep = async () => /master_link_status:up/.test(await replica.admin.info('replication'))
  await until(isInStep, { what: 'the replica is in step' })
  return replica
}

t.test('After a replica is promoted, all processes go on with the value that it has', engine, async (t) => {
  const master = await startRedis(t)
  const replica = await startReplica(t, master)
  const proxy = await startProxy(t, master.port)
  const upstream = await startUpstream()
  t.teardown(() => upstream.close())
  const store = configOf({ url: urlOf(proxy.port) })
  const loops = Array.from({ length: 6 }, () => startWorker(t, store, upstream, { LOOP: '10' }))
  await allHave(loops, 'token-1-of-the-upstream')
  await master.admin.wait(1, 5000)
  await master.kill()
  await pause(300)
  await replica.admin.replicaof('NO', 'ONE')
  proxy.target = replica.port
  await pause(500)
  t.equal(upstream.count, 1, 'the value was there')
  await startWorker(t, store, upstream, { REFRESH: '{}' }).answered
  await allHave(loops, 'token-2-of-the-upstream')
  await Promise.all(loops.map((worker) => worker.end()))
  t.equal(upstream.count, 2)
})

t.test(
  'After a promoted replica brings an old value back, several reports of that value cause one fetch',
  engine,
  async (t) => {
    const master = await startRedis(t)
    const replica = await startReplica(t, master)
    const proxy = await startProxy(t, master.port)
    const upstream = await startUpstream()
    t.teardown(() => upstream.close())
    const store = configOf({ url: urlOf(proxy.port) })
    const loops = Array.from({ length: 6 }, () => startWorker(t, store, upstream, { LOOP: '10' }))
    await allHave(loops, 'token-1-of-the-upstream')
    await master.admin.wait(1, 5000)
    // From now on writes do not reach the replica.
    await replica.admin.replicaof('NO', 'ONE')
    await startWorker(t, store, upstream, { REFRESH: '{}' }).answered
    await allHave(loops, 'token-2-of-the-upstream')
    proxy.target = replica.port
    await master.kill()
    await allHave(loops, 'token-1-of-the-upstream')
    t.equal(upstream.count, 2)
    const REFRESH = JSON.stringify({ rejected: 'token-1-of-the-upstream' })
    await Promise.all(Array.from({ length: 4 }, () => startWorker(t, store, upstream, { REFRESH }).answered))
    await allHave(loops, 'token-3-of-the-upstream')
    await Promise.all(loops.map((worker) => worker.end()))
    t.equal(upstream.count, 3)
  },
)
