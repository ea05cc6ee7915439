import t from 'tap'
import { untilStopped } from '../../support/children.js'
import { startUpstream, tokenNumber } from '../../support/upstream.js'
import { engine, startRedis } from './server.js'
import { startWorker, until, values, type Worker } from './workers.js'

t.test('32 processes and no value: one fetch, and all get what it gave', engine, async (t) => {
  const { url } = await startRedis(t)
  const upstream = await startUpstream({ delay: 300 })
  t.teardown(() => upstream.close())
  const workers = Array.from({ length: 32 }, () => startWorker(t, { url }, upstream))
  for (const worker of workers) t.same(await worker.exited.then(({ code, err }) => ({ code, err })), { code: 0, err: '' })
  t.equal(upstream.count, 1)
  t.strictSame(values(workers), ['token-1-of-the-upstream'])
  t.equal(workers.filter((worker) => worker.last()?.fetched).length, 1, 'one of them says that it fetched')
})

t.test('reports of one dead value by ten processes are one fetch', engine, async (t) => {
  const { url } = await startRedis(t)
  const upstream = await startUpstream()
  t.teardown(() => upstream.close())
  await startWorker(t, { url }, upstream).answered
  const REFRESH = JSON.stringify({ rejected: 'token-1-of-the-upstream' })
  const workers = Array.from({ length: 10 }, () => startWorker(t, { url }, upstream, { REFRESH }))
  await Promise.all(workers.map((worker) => worker.answered))
  t.equal(upstream.count, 2)
  t.strictSame(values(workers), ['token-2-of-the-upstream'])
})

t.test('a holder killed in mid-fetch: when its lease ends one of the others takes over, with one fetch', engine, async (t) => {
  const { url } = await startRedis(t)
  const upstream = await startUpstream({ delay: 60_000 })
  t.teardown(() => upstream.close())
  const holder = startWorker(t, { url }, upstream)
  await upstream.asked()
  const others = Array.from({ length: 6 }, () => startWorker(t, { url }, upstream))
  await new Promise((resolve) => setTimeout(resolve, 2500))
  t.equal(upstream.count, 1, 'nobody fetches beside it')
  upstream.delay = 100
  const killedAt = performance.now()
  holder.process.kill('SIGKILL')
  await Promise.all(others.map((child) => child.answered))
  const takeover = upstream.askedAt[1]! - killedAt
  t.equal(upstream.count, 2)
  t.strictSame(values(others), ['token-2-of-the-upstream'])
  t.ok(takeover > 2000, 'not before its lease ends: it was renewed at a third')
  t.ok(takeover < 15_000, `${Math.round(takeover)} ms`)
  t.comment(`takeover: ${Math.round(takeover)} ms after the kill, of a lease of 5000 ms`)
  const sum = (what: 'takeovers' | 'fetched') => others.reduce((all, worker) => all + worker.last()![what], 0)
  t.equal(sum('takeovers'), 1)
  t.equal(sum('fetched'), 1)
})

t.test('a holder stopped past its lease: its late answer does not replace the newer value', engine, async (t) => {
  const { url } = await startRedis(t)
  const upstream = await startUpstream({ delay: 300 })
  t.teardown(() => upstream.close())
  // It goes on with its request: an answer that is late, not one that is given up.
  const holder = startWorker(t, { url }, upstream, { IGNORE_ABORT: '1' })
  await upstream.asked()
  holder.process.kill('SIGSTOP')
  await untilStopped(holder.pid)
  const others: Worker[] = [startWorker(t, { url }, upstream), startWorker(t, { url }, upstream)]
  await Promise.all(others.map((child) => child.answered))
  t.strictSame(values(others), ['token-2-of-the-upstream'])
  holder.process.kill('SIGCONT')
  const resumed = await holder.answered
  t.equal(resumed.value, 'token-2-of-the-upstream', 'it answers with the newer value')
  t.equal(upstream.count, 2)
  const check = await startWorker(t, { url }, upstream).answered
  t.equal(tokenNumber(check.value), 2, 'which is still the stored one')
})

t.test('a lease that was lost aborts the fetch', engine, async (t) => {
  const { url, admin } = await startRedis(t)
  const upstream = await startUpstream({ delay: 60_000 })
  t.teardown(() => upstream.close())
  const holder = startWorker(t, { url }, upstream)
  await upstream.asked()
  upstream.delay = 100
  // All is lost, as after a restart without a copy: nobody holds anything.
  await admin.flushall()
  const answer = await holder.answered
  t.equal(holder.last()!.aborted, 1)
  t.equal(answer.value, 'token-2-of-the-upstream')
  t.equal(upstream.count, 2)
})

t.test('a follower is served, waits for a living holder, and fetches nothing', engine, async (t) => {
  const { url } = await startRedis(t)
  const upstream = await startUpstream({ delay: 1000 })
  t.teardown(() => upstream.close())
  const lost = await startWorker(t, { url }, upstream, { FOLLOWER: '1' }).answered
  t.equal(lost.error, 'ERR_DOG_NO_FETCHER', 'there is nothing, and nobody to wait for')
  const OPTIONS = JSON.stringify({ followOnly: true })
  t.equal((await startWorker(t, { url }, upstream, { OPTIONS }).answered).error, 'ERR_DOG_NO_FETCHER')
  t.equal(upstream.count, 0)

  const holder = startWorker(t, { url }, upstream)
  await upstream.asked()
  const waiting = [startWorker(t, { url }, upstream, { FOLLOWER: '1' }), startWorker(t, { url }, upstream, { OPTIONS })]
  await Promise.all([holder, ...waiting].map((worker) => worker.answered))
  t.strictSame(values(waiting), ['token-1-of-the-upstream'])
  const served = startWorker(t, { url }, upstream, { FOLLOWER: '1' })
  t.equal((await served.answered).value, 'token-1-of-the-upstream')
  t.equal(upstream.count, 1)
})

t.test('a refresh is seen by the processes that have the old value', engine, async (t) => {
  const { url } = await startRedis(t)
  const upstream = await startUpstream()
  t.teardown(() => upstream.close())
  const loops = Array.from({ length: 3 }, () => startWorker(t, { url }, upstream, { LOOP: '10' }))
  await until('all have a value', () => loops.every((worker) => worker.last()?.value))
  await startWorker(t, { url }, upstream, { REFRESH: '{}' }).answered
  await until('all have the new one', () => loops.every((worker) => worker.last()?.value === 'token-2-of-the-upstream'))
  await Promise.all(loops.map((worker) => worker.end()))
  t.equal(upstream.count, 2)
})
