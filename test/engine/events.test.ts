import { inspect } from 'node:util'
import t from 'tap'
import type { DogEvents } from '../../index.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import {
  countingFetcher,
  createDog,
  createTestDog,
  fileStore,
  memoryStore,
  nextEvent,
  storeRecord,
} from '../support/test-dog.js'
import { deferred, until } from '../support/timing.js'

t.test('refresh is told by the process that fetched, with the reason and the time it took', async (t) => {
  const { dog, another } = createTestDog(t)
  const other = another()
  other.on('refresh', () => t.fail('it did not fetch'))
  dog.init('K', countingFetcher({ expiresIn: 60 }, 30))
  const refreshed = nextEvent(dog, 'refresh')
  await dog.get('K')
  const { durationMs: ms, ...rest } = await refreshed
  t.same(rest, { key: 'K', generation: dog.peek('K')!.generation, reason: 'missing', late: false })
  t.ok(ms >= 25)
})

for (const kind of ['memory', 'file']) {
  t.test(`change is told in every process, whoever fetched, set or removed (${kind} store)`, async (t) => {
    const dir = temporaryFolder(t)
    const shared = memoryStore()
    const [dog, listener] = [0, 1].map(() => createDog({ store: kind === 'file' ? fileStore({ dir }) : shared })) as [
      ReturnType<typeof createDog>,
      ReturnType<typeof createDog>,
    ]
    t.teardown(() => Promise.all([dog.close(), listener.close()]))
    const told: DogEvents['change'][] = []
    listener.on('change', (change) => told.push(change))
    listener.init('K', () => t.fail('it only listens') as never)
    listener.peek('K')
    dog.init('K', countingFetcher({ expiresIn: 7200 }))

    // A watcher takes a while to begin: until it tells, the value changes again.
    let generation = 0
    await until(async () => {
      await dog.refresh('K', { force: true })
      generation = dog.peek('K')!.generation
      return told.length > 0
    })
    await until(() => told.some((change) => change.generation === generation))
    const last = told.find((change) => change.generation === generation)!
    t.match(last, { key: 'K', expiresAt: dog.peek('K')!.expiresAt, by: new RegExp(`:${process.pid}$`) })
    t.match(await listener.get('K'), /^v/)

    await dog.remove('K')
    await until(() => told.some((change) => change.generation === undefined))
    t.same(told.at(-1), { key: 'K', generation: undefined, expiresAt: undefined, by: undefined })
    t.notMatch(inspect(told, { depth: 9 }), /'v\d/)
    const generations = told.map((change) => change.generation)
    t.equal(new Set(generations).size, generations.length, 'each change once')
  })
}

t.test('change is told of a key that nobody here has asked for yet', async (t) => {
  const { another, store } = createTestDog(t)
  const listener = another()
  const told: string[] = []
  listener.on('change', ({ key }) => told.push(key))
  // The first listening looks at the key's state; from then on every change is one.
  listener.peek('KNOWN')
  await storeRecord(store, 'KNOWN', 'x', 0, 60)
  await storeRecord(store, 'NEW', 'x', 0, 60)
  await until(() => told.includes('KNOWN'))
  await storeRecord(store, 'NEW', 'y', 0, 60)
  await until(() => told.includes('NEW'))
})

t.test('after off, and after close, nothing is told', async (t) => {
  const { dog, another } = createTestDog(t)
  const listener = another()
  const told: unknown[] = []
  const listen = (change: unknown) => void told.push(change)
  listener.on('change', listen)
  listener.peek('K')
  await dog.set('K', 1 as never, { expiresIn: 60 })
  await until(() => told.length === 1)
  listener.off('change', listen)
  listener.off('change', listen)
  await dog.set('K', 2 as never, { expiresIn: 60 })
  await until(async () => (await listener.get('K')) === (2 as never))
  t.equal(told.length, 1)
})

t.test('wait is told by a process that begins to wait for another', async (t) => {
  const { dog, another } = createTestDog(t)
  const hold = deferred()
  const begun = deferred()
  const fetcher = async () => {
    begun.resolve()
    await hold.promise
    return { value: 'v', expiresIn: 60 }
  }
  dog.init('K', fetcher)
  const other = another()
  other.init('K', fetcher)
  const waits: DogEvents['wait'][] = []
  other.on('wait', (wait) => waits.push(wait))
  const got = dog.get('K')
  await begun.promise
  const waiting = Promise.all([other.get('K'), other.get('K')])
  await until(() => waits.length > 0)
  hold.resolve()
  t.same(await waiting, ['v', 'v'])
  await got
  t.match(waits, [{ key: 'K', holder: new RegExp(`:${process.pid}$`) }])
  t.equal(waits.length, 1, 'once for all its callers')
})

for (const kind of ['memory', 'file']) {
  t.test(`takeover is told by the process that took the lease of an overdue holder (${kind} store)`, async (t) => {
    const dir = temporaryFolder(t)
    const shared = memoryStore()
    const open = () => (kind === 'file' ? fileStore({ dir }) : shared)
    await open().acquire('K', 0.05)
    const { dog } = createTestDog(t, { store: open() })
    dog.init('K', countingFetcher({ expiresIn: 60 }))
    const told: DogEvents['takeover'][] = []
    dog.on('takeover', (takeover) => told.push(takeover))
    t.equal(await dog.get('K'), 'v1')
    t.match(told, [{ key: 'K', holder: new RegExp(`:${process.pid}$`) }])
  })
}

t.test('no event is called error, and a listener is heard once however often it is added', async (t) => {
  const { dog } = createTestDog(t)
  t.throws(() => dog.on('error' as never, () => {}), /event must be change, refresh, wait, takeover or warning; got "error"/)
  let heard = 0
  const listen = () => void heard++
  dog.on('refresh', listen)
  dog.on('refresh', listen)
  dog.init('K', countingFetcher())
  await dog.get('K')
  t.equal(heard, 1)
})
