import { createRequire } from 'node:module'
import t from 'tap'
import { startProxy } from '../support/cutting-proxy.js'
import { type Engine, withDatabase } from '../support/engine.js'
import { createScene, pause, until, values } from '../support/workers.js'

const { createDog }: typeof import('../../../index.js') = createRequire(import.meta.url)('../../../dist/index.js')

/**
 * Milliseconds after which the other processes have started and wait for the holder, also on a busy
 * machine. The lease of 5 s has just been renewed for the second time, after 3.3 s.
 */
const BOOT_MS = 3700

/** A database that delays, loses or refuses a commit. */
export const hesitates = (engine: Engine): Promise<void> =>
  withDatabase(t, engine, (database) => {
    // Longer than one operation may take (500 ms), shorter than a lease (5 s).
    for (const ms of [900, 2000, 3000]) {
      t.test(`A database that blocks commits for ${ms} ms causes no second fetch`, async (t) => {
        const { upstream, space, loops } = await createScene(t, database, { delay: BOOT_MS + 300 })
        const asked = upstream.asked()
        const workers = loops(4)
        await asked
        await pause(BOOT_MS)
        const unblock = await space.blockCommits()
        await until(() => upstream.answeredAt.length === 1, { what: 'the value is fetched' })
        await pause(ms)
        await unblock()
        await until(() => workers.every((worker) => worker.last()?.value), { what: 'all have a value' })
        await pause(500)
        t.equal(upstream.count, 1)
        t.strictSame(values(workers), ['token-1-of-the-upstream'])
        for (const worker of workers) {
          t.strictSame((await worker.end()).warnings, [])
          t.notOk(worker.lines.some(({ error, warning }) => error ?? warning))
        }
      })
    }

    t.test('A value whose commit could not reach the database is stored as soon as the database can be reached', async (t) => {
      const { upstream, get } = await createScene(t, database, { delay: 300 })
      const proxy = await startProxy(t, database.port)
      const asked = upstream.asked()
      const worker = get({}, { port: proxy.port })
      await asked
      proxy.resets = Number.POSITIVE_INFINITY
      proxy.cut()
      await pause(1500)
      t.equal(upstream.answeredAt.length, 1)
      proxy.resets = 0
      t.match(await worker.answered, { value: 'token-1-of-the-upstream', warnings: [] })
      t.equal((await get().answered).value, 'token-1-of-the-upstream', 'it is stored')
      t.equal(upstream.count, 1)
    })

    t.test('A commit that the database refuses fails at once and releases the lease', async (t) => {
      const space = database.createSpace(t)
      const owner = createDog({ store: space.createStore() })
      await owner.set('K', 'v', { expiresIn: 60 })
      const { store, refused, error } = await space.createLimitedStore()
      const limited = createDog({ store })
      t.teardown(() => Promise.all([owner.close(), limited.close()]))
      t.equal(await limited.get('K'), 'v')
      for (const write of refused) {
        const begunAt = performance.now()
        const written: Promise<unknown> = write === 'set' ? limited.set('K', 'w', { expiresIn: 60 }) : limited.remove('K')
        await t.rejects(written, { code: 'ERR_DOG_STORE', message: error })
        t.ok(performance.now() - begunAt < 3000, 'not when the lease of 5 s has run out')
        t.equal(await space.hasLease('K'), false, 'nothing is held')
        t.equal(await store.holder!('K'), undefined)
        t.equal(await limited.get('K'), 'v')
        t.equal((await space.record('K'))?.value, 'v')
      }
    })
  })
