import t from 'tap'
import { tokenNumber } from '../../support/upstream.js'
import { type Engine, withDatabase } from '../support/engine.js'
import { allHave, createScene, pause, values, type Worker } from '../support/workers.js'

const sum = (workers: Worker[], count: 'fetches' | 'fetched' | 'takeovers'): number =>
  workers.reduce((total, worker) => total + worker.last()![count], 0)

const FOLLOWER = { FOLLOWER: '1' }
const FOLLOW_ONLY = { OPTIONS: '{"followOnly":true}' }

/**
 * Real processes on a real server: they make one fetch between them, also when its holder dies or
 * is suspended.
 */
export const processes = (engine: Engine): Promise<void> =>
  withDatabase(t, engine, (database) => {
    t.test(
      '20 processes that start in the same millisecond, in an empty database, make one fetch, and all get its value',
      async (t) => {
        const { upstream, get } = await createScene(t, database, { delay: 300 })
        const START = String(Date.now() + 2500)
        const workers = Array.from({ length: 20 }, () => get({ START }))
        const answers = await Promise.all(workers.map((worker) => worker.answered))
        t.equal(upstream.count, 1)
        t.strictSame(values(workers), ['token-1-of-the-upstream'])
        t.strictSame(
          answers.flatMap(({ warnings }) => warnings),
          [],
        )
        for (const worker of workers) t.match(await worker.exited, { code: 0, err: '' })
      },
    )

    const COLD = engine.maxColdProcesses
    t.test(`${COLD} processes that are spawned one after the other make one fetch, and all get its value`, async (t) => {
      const { upstream, get } = await createScene(t, database, { delay: 1500 })
      const workers = Array.from({ length: COLD }, () => get())
      for (const worker of workers) t.match(await worker.exited, { code: 0, err: '' })
      t.equal(upstream.count, 1)
      t.strictSame(values(workers), ['token-1-of-the-upstream'])
      t.equal(sum(workers, 'fetches'), 1)
      t.equal(sum(workers, 'fetched'), 1, 'one of them reports the fetch')
      t.equal((await get().answered).value, 'token-1-of-the-upstream', 'a later process gets the value as well')
      t.equal(upstream.count, 1)
    })

    t.test('Ten processes that report the same rejected value cause one fetch', async (t) => {
      const { upstream, get } = await createScene(t, database)
      await get().answered
      const REFRESH = JSON.stringify({ rejected: 'token-1-of-the-upstream' })
      const workers = Array.from({ length: 10 }, () => get({ REFRESH }))
      await Promise.all(workers.map((worker) => worker.answered))
      t.equal(upstream.count, 2)
      t.strictSame(values(workers), ['token-2-of-the-upstream'])
    })

    t.test('After a holder is killed in mid-fetch, one waiter takes over when the lease ends, with one fetch', async (t) => {
      const { upstream, get } = await createScene(t, database, { delay: 60_000 })
      const holder = get()
      await upstream.asked()
      const waiters = Array.from({ length: 6 }, () => get())
      await pause(2500)
      t.equal(upstream.count, 1, 'no waiter fetches while the holder lives')
      upstream.delay = 100
      const killedAt = performance.now()
      holder.process.kill('SIGKILL')
      await Promise.all(waiters.map((waiter) => waiter.answered))
      const takeoverMs = Math.round(upstream.askedAt[1]! - killedAt)
      t.equal(upstream.count, 2)
      t.strictSame(values(waiters), ['token-2-of-the-upstream'])
      t.ok(takeoverMs > 2000, 'not before the lease of 5 s ends, of which at most a third had passed')
      t.ok(takeoverMs < 15_000, `${takeoverMs} ms`)
      t.comment(`takeover ${takeoverMs} ms after the kill, of a lease of 5000 ms`)
      t.equal(sum(waiters, 'takeovers'), 1)
      t.equal(sum(waiters, 'fetched'), 1)
    })

    t.test('The late response of a holder that was stopped past its lease does not replace the newer value', async (t) => {
      const { upstream, space, get } = await createScene(t, database, { delay: 300 })
      // The holder does not give up its request: its response is late, not absent.
      const holder = get({ IGNORE_ABORT: '1' })
      await upstream.asked()
      await holder.suspend()
      const waiters = [get(), get()]
      await Promise.all(waiters.map((waiter) => waiter.answered))
      t.strictSame(values(waiters), ['token-2-of-the-upstream'])
      holder.process.kill('SIGCONT')
      t.equal((await holder.answered).value, 'token-2-of-the-upstream', 'it answers with the newer value')
      t.equal(upstream.count, 2)
      t.equal(tokenNumber((await space.record('TOKEN'))?.value), 2, 'the newer value is still stored')
      t.equal((await get().answered).value, 'token-2-of-the-upstream')
    })

    t.test(
      'A holder that is resumed after its lease ended, and gives its request up, answers with the newer value',
      async (t) => {
        const { upstream, space, get } = await createScene(t, database, { delay: 300 })
        const holder = get()
        await upstream.asked()
        await holder.suspend()
        const waiters = [get(), get()]
        await Promise.all(waiters.map((waiter) => waiter.answered))
        t.strictSame(values(waiters), ['token-2-of-the-upstream'])
        holder.process.kill('SIGCONT')
        t.equal((await holder.answered).value, 'token-2-of-the-upstream')
        t.equal(upstream.count, 2)
        t.equal(tokenNumber((await space.record('TOKEN'))?.value), 2)
      },
    )

    t.test('The loss of a lease aborts the fetch of its holder', async (t) => {
      const { upstream, space, get } = await createScene(t, database, { delay: 60_000 })
      const holder = get()
      await upstream.asked()
      upstream.delay = 100
      // Everything is lost, as after a restart without a copy: nobody holds a lease.
      await space.clear()
      const { value, aborted } = await holder.answered
      t.equal(aborted, 1)
      t.equal(value, 'token-2-of-the-upstream')
      t.equal(upstream.count, 2)
    })

    t.test('A follower reads the stored value, waits for a live holder, and never fetches', async (t) => {
      const { upstream, get } = await createScene(t, database, { delay: 4000 })
      for (const env of [FOLLOWER, FOLLOW_ONLY]) {
        const { error, fetches } = await get(env).answered
        t.strictSame({ error, fetches }, { error: 'ERR_DOG_NO_FETCHER', fetches: 0 }, 'no value and no holder')
      }
      t.equal(upstream.count, 0)

      const holder = get()
      await upstream.asked()
      const waiters = [get(FOLLOWER), get(FOLLOW_ONLY)]
      for (const waiter of waiters) {
        t.match(await waiter.answered, { value: 'token-1-of-the-upstream', waited: 1, fetches: 0 })
      }
      t.equal((await holder.answered).value, 'token-1-of-the-upstream')
      for (const env of [FOLLOWER, FOLLOW_ONLY]) {
        t.match(await get(env).answered, { value: 'token-1-of-the-upstream', fetches: 0 })
        t.match(await get({ ...env, REFRESH: '{}' }).answered, { error: 'ERR_DOG_NO_FETCHER' })
      }
      t.equal(upstream.count, 1)
    })

    t.test('After a refresh, processes that have the old value in memory get the new one', async (t) => {
      const { upstream, get, loops } = await createScene(t, database)
      const workers = loops(3)
      await allHave(workers, 'token-1-of-the-upstream')
      await get({ REFRESH: '{}' }).answered
      await allHave(workers, 'token-2-of-the-upstream')
      await Promise.all(workers.map((worker) => worker.end()))
      t.equal(upstream.count, 2)
    })

    t.test('A script that gets one value ends by itself at once, whether it fetched, waited or read', async (t) => {
      const { upstream, get } = await createScene(t, database, { delay: 4000 })
      const holder = get()
      await upstream.asked()
      const waiter = get()
      t.equal((await waiter.answered).waited, 1)
      const reader = get()
      for (const worker of [holder, waiter, reader]) {
        const { at } = await worker.answered
        t.match(await worker.exited, { code: 0, err: '' })
        // An idle connection that kept the process alive would be closed after 10 s.
        t.ok(worker.endedAt()! - at < 5000)
      }
      t.equal(upstream.count, 1)
    })
  })
