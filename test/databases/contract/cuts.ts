import { createRequire } from 'node:module'
import t from 'tap'
import type { Dog } from '../../../index.js'
import { startProxy } from '../support/cutting-proxy.js'
import { type Engine, type Step, withDatabase } from '../support/engine.js'
import { createScene, pause, until, values } from '../support/workers.js'

const { createDog }: typeof import('../../../index.js') = createRequire(import.meta.url)('../../../dist/index.js')

/** The steps of a fetch by a process that nobody waits for. */
const STEPS: Step[] = ['read', 'readLedger', 'acquire', 'writeLedger', 'commit']

/** Connections that are cut, at the worst moments. */
export const cuts = (engine: Engine): Promise<void> =>
  withDatabase(t, engine, (database) => {
    for (const step of STEPS) {
      t.test(
        `A connection that is cut between the execution of ${step} and its reply causes no second fetch and no warning`,
        async (t) => {
          const { upstream, space, get } = await createScene(t, database, { delay: 50 })
          await space.prepare()
          const proxy = await startProxy(t, database.port)
          proxy.cutAt = (chunk) => proxy.cuts === 0 && space.isStep(chunk, step)
          const worker = get({}, { port: proxy.port })
          const answer = await worker.answered
          t.equal(proxy.cuts, 1)
          t.equal(answer.value, 'token-1-of-the-upstream')
          t.strictSame(answer.warnings, [])
          t.equal(answer.fetched, 1)
          t.match(await worker.exited, { code: 0, err: '' })
          t.equal(await space.hasLease('TOKEN'), false, 'nothing is held')
          t.equal((await get().answered).value, 'token-1-of-the-upstream', 'it is stored')
          t.equal(upstream.count, 1)
        },
      )
    }

    t.test('A commit succeeds without a second fetch even if the next five connections are reset as well', async (t) => {
      const { upstream, space, get } = await createScene(t, database, { delay: 50 })
      const proxy = await startProxy(t, database.port)
      proxy.cutAt = (chunk) => {
        const isFirstCommit = proxy.cuts === 0 && space.isStep(chunk, 'commit')
        if (isFirstCommit) proxy.resets = 5
        return isFirstCommit
      }
      const answer = await get({}, { port: proxy.port }).answered
      t.match(answer, { value: 'token-1-of-the-upstream', fetched: 1 })
      t.strictSame(answer.warnings, [])
      t.equal(proxy.resets, 0)
      t.equal((await get({}, { port: proxy.port }).answered).value, 'token-1-of-the-upstream', 'it is stored')
      t.equal(upstream.count, 1)
    })

    t.test('A removal succeeds even if its connection is cut after the database has done it', async (t) => {
      const space = database.createSpace(t)
      const proxy = await startProxy(t, database.port)
      const dog = createDog({ store: space.createStore({ port: proxy.port }) })
      t.teardown(() => dog.close())
      await dog.set('K', 'v', { expiresIn: 60 })
      proxy.cutAt = (chunk) => proxy.cuts === 0 && space.isStep(chunk, 'commit')
      t.equal(await dog.remove('K'), true)
      t.equal(proxy.cuts, 1)
      t.equal(await space.record('K'), undefined)
    })

    for (const write of ['set', 'remove'] as const) {
      t.test(`A later value is not overwritten when ${write} repeats a commit whose reply was lost`, async (t) => {
        const space = database.createSpace(t)
        const proxy = await startProxy(t, database.port)
        const places = [{ port: proxy.port }, {}]
        const [writer, other] = places.map((place): Dog => createDog({ store: space.createStore(place) })) as [Dog, Dog]
        t.teardown(() => Promise.all([writer.close(), other.close()]))
        let fetches = 0
        for (const dog of [writer, other]) dog.init('K', async () => ({ value: `fetched ${++fetches}`, expiresIn: 60 }))
        t.equal(await other.get('K'), 'fetched 1')
        await writer.get('K')
        let isLost = false
        proxy.cutAt = (chunk) => {
          if (!isLost && space.isStep(chunk, 'commit')) {
            isLost = true
            proxy.silence()
          }
          return false
        }
        const written = write === 'set' ? writer.set('K', 'set', { expiresIn: 60 }) : writer.remove('K')
        await until(async () => (await space.record('K'))?.value !== 'fetched 1', { what: 'the commit is done' })
        t.equal(await (write === 'set' ? other.refresh('K') : other.get('K')), 'fetched 2')
        t.equal(await written, write === 'set' ? undefined : true)
        t.equal((await space.record('K'))?.value, 'fetched 2')
        t.equal(await writer.get('K'), 'fetched 2')
      })
    }

    t.test('Processes whose connections are reset again and again in mid-fetch get one value with one fetch', async (t) => {
      const { upstream, loops } = await createScene(t, database, { delay: 500 })
      const proxy = await startProxy(t, database.port)
      const workers = loops(4, {}, { port: proxy.port })
      await upstream.asked()
      for (let i = 0; i < 20; i++) {
        proxy.cut()
        await pause(50)
      }
      await pause(1000)
      t.strictSame(values(workers), ['token-1-of-the-upstream'])
      for (const worker of workers) await worker.end()
      t.equal(upstream.count, 1)
    })

    t.test(
      'Processes whose connections the server ends again and again in mid-fetch get one value with one fetch',
      async (t) => {
        const { upstream, space, get } = await createScene(t, database, { delay: 6000 })
        const holder = get()
        await upstream.asked()
        const workers = [holder, ...Array.from({ length: 5 }, () => get())]
        let killed = 0
        const end = performance.now() + 5500
        while (performance.now() < end) {
          killed += await space.killConnections()
          await pause(300)
        }
        t.ok(killed > 0, `${killed} connections`)
        for (const worker of workers) t.match(await worker.exited, { code: 0, err: '' })
        t.strictSame(values(workers), ['token-1-of-the-upstream'])
        t.equal(upstream.count, 1)
      },
    )
  })
