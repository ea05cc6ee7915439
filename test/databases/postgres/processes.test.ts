// Real processes on a real Postgres: one fetch between them, and what a holder's death or absence means to the others.
import t from 'tap'
import { untilStopped } from '../../support/children.js'
import { tokenNumber } from '../../support/upstream.js'
import { withServer } from './server.js'
import { pause, scene, values } from './setup.js'

await withServer(t, async (server) => {
  t.test('20 processes that begin at once, with no table yet, make one fetch, and all have its value', async (t) => {
    const { upstream, get } = await scene(t, server, { delay: 300 })
    const START = String(Date.now() + 2500)
    const children = Array.from({ length: 20 }, () => get({ START }))
    const answers = await Promise.all(children.map((child) => child.answered))
    t.equal(upstream.count, 1)
    t.strictSame(values(answers), ['token-1-of-the-upstream'])
    t.strictSame([...new Set(answers.flatMap(({ warnings }) => warnings))], [])
    const exits = await Promise.all(children.map((child) => child.exited))
    t.ok(exits.every(({ code, err }) => code === 0 && err === ''))
  })

  t.test('16 cold processes, one after the other, make one fetch', async (t) => {
    const { upstream, get } = await scene(t, server, { delay: 1500 })
    const answers = await Promise.all(Array.from({ length: 16 }, () => get().answered))
    t.equal(upstream.count, 1)
    t.strictSame(values(answers), ['token-1-of-the-upstream'])
    t.equal(
      answers.reduce((sum, { fetches }) => sum + fetches, 0),
      1,
    )
    t.strictSame(values([await get().answered]), ['token-1-of-the-upstream'], 'one that comes later has it too')
    t.equal(upstream.count, 1)
  })

  t.test('a holder killed in mid-fetch is taken over when its lease ends, with one more fetch', async (t) => {
    const { upstream, get } = await scene(t, server, { delay: 60_000 })
    const holder = get()
    await upstream.asked()
    const others = Array.from({ length: 5 }, () => get())
    await pause(1500)
    upstream.delay = 100
    const next = upstream.asked()
    const killedAt = performance.now()
    holder.process.kill('SIGKILL')
    await next
    const ms = performance.now() - killedAt
    const answers = await Promise.all(others.map((child) => child.answered))
    t.equal(upstream.count, 2)
    t.strictSame(values(answers), ['token-2-of-the-upstream'])
    t.equal(
      answers.reduce((sum, { takeovers }) => sum + takeovers, 0),
      1,
    )
    t.ok(ms > 2000 && ms < 20_000, 'not before the lease is over')
    t.comment(`taken over ${Math.round(ms)} ms after the kill`)
  })

  t.test('a holder suspended past its lease stores nothing older when it goes on', async (t) => {
    const { upstream, get, record } = await scene(t, server, { delay: 300 })
    const holder = get()
    await upstream.asked()
    holder.process.kill('SIGSTOP')
    await untilStopped(holder.pid)
    const others = await Promise.all([get().answered, get().answered])
    t.strictSame(values(others), ['token-2-of-the-upstream'])
    holder.process.kill('SIGCONT')
    const resumed = await holder.answered
    t.equal(resumed.value, 'token-2-of-the-upstream', 'it answers with the newer value')
    t.equal(upstream.count, 2)
    t.equal(tokenNumber((await record()).value), 2)
  })

  t.test('followers are served, wait for a living holder, and else are told that nobody fetches', async (t) => {
    const { upstream, get } = await scene(t, server, { delay: 2500 })
    const follower = { OPTIONS: '{"fetch":false}' }
    t.match(await get(follower).answered, { error: 'ERR_DOG_NO_FETCHER', fetches: 0 })
    const holder = get()
    await upstream.asked()
    const waiter = await get(follower).answered
    t.match(waiter, { value: 'token-1-of-the-upstream', waited: 1, fetches: 0 })
    t.match(await get(follower).answered, { value: 'token-1-of-the-upstream', fetches: 0 })
    await holder.answered
    t.match(await get({ ...follower, REFRESH: '1' }).answered, { error: 'ERR_DOG_NO_FETCHER' })
    t.equal(upstream.count, 1)
  })

  t.test('a script that gets a value ends by itself at once, whether it fetched, waited or read', async (t) => {
    const { upstream, get } = await scene(t, server, { delay: 2000 })
    const holder = get()
    await upstream.asked()
    const waiter = get()
    t.equal((await waiter.answered).waited, 1)
    const reader = get()
    for (const child of [holder, waiter, reader]) {
      const answer = await child.answered
      const { code, err } = await child.exited
      t.strictSame({ code, err }, { code: 0, err: '' })
      // An idle connection would be closed after 10 s, and end it then.
      t.ok(child.endedAt()! - answer.at < 5000)
    }
    t.equal(upstream.count, 1)
  })
})
