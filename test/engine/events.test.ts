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

t.test('The process that fetched emits refresh, with the reason and the duration', async (t) => {
  const { dog, another } = createTestDog(t)
  const other = another()
  other.on('refresh', () => t.fail('only the dog that fetched emits refresh'))
  dog.init('K', countingFetcher({ expiresIn: 60 }, 30))
  const refreshed = nextEvent(dog, 'refresh')
  await dog.get('K')
  const { durationMs: ms, ...rest } = await refreshed
  t.same(rest, { key: 'K', generation: dog.peek('K')!.generation, reason: 'missing', late: false })
  t.ok(ms >= 25)
})

for (const kind of ['memory', 'file']) {
  t.test(`Every process emits change after a fetch, a set or a remove by any process (${kind} store)`, async (t) => {
    const dir = temporaryFolder(t)
    const shared = memoryStore()
    const [dog, listener] = [0, 1].map(() => createDog({ store: kind === 'file' ? fileStore({ dir }) : shared })) as [
      ReturnType<typeof createDog>,
      ReturnType<typeof createDog>,
    ]
    t.teardown(() => Promise.all([dog.close(), listener.close()]))
    const events: DogEvents['change'][] = []
    listener.on('change', (change) => events.push(change))
    listener.init('K', () => t.fail('a listener must not fetch') as never)
    listener.peek('K')
    dog.init('K', countingFetcher({ expiresIn: 7200 }))

    // A watcher takes a while to start. The value changes until the first event comes.
    let generation = 0
    await until(async () => {
      await dog.refresh('K', { force: true })
      generation = dog.peek('K')!.generation
      return events.length > 0
    })
    await until(() => events.some((change) => change.generation === generation))
    const last = events.find((change) => change.generation === generation)!
    t.match(last, { key: 'K', expiresAt: dog.peek('K')!.expiresAt, by: new RegExp(`:${process.pid}$`) })
    t.match(await listener.get('K'), /^v/)

    await dog.remove('K')
    await until(() => events.some((change) => change.generation === undefined))
    t.same(events.at(-1), { key: 'K', generation: undefined, expiresAt: undefined, by: undefined })
    t.notMatch(inspect(events, { depth: 9 }), /'v\d/)
    const generations = events.map((change) => change.generation)
    t.equal(new Set(generations).size, generations.length, 'each change is emitted once')
  })
}

t.test('A dog emits change for a key that it has not read yet', async (t) => {
  const { another, store } = createTestDog(t)
  const listener = another()
  const events: string[] = []
  listener.on('change', ({ key }) => events.push(key))
  // Adding the first listener reads the state of the key. From then on every change causes an
  // event.
  listener.peek('KNOWN')
  await storeRecord(store, 'KNOWN', 'x', 0, 60)
  await storeRecord(store, 'NEW', 'x', 0, 60)
  await until(() => events.includes('KNOWN'))
  await storeRecord(store, 'NEW', 'y', 0, 60)
  await until(() => events.includes('NEW'))
})

t.test('After off a listener gets no more events', async (t) => {
  const { dog, another } = createTestDog(t)
  const listener = another()
  const events: unknown[] = []
  const listen = (change: unknown) => void events.push(change)
  listener.on('change', listen)
  listener.peek('K')
  await dog.set('K', 1 as never, { expiresIn: 60 })
  await until(() => events.length === 1)
  listener.off('change', listen)
  listener.off('change', listen)
  await dog.set('K', 2 as never, { expiresIn: 60 })
  await until(async () => (await listener.get('K')) === (2 as never))
  t.equal(events.length, 1)
})

t.test('A process that begins to wait for another emits wait, once for all its callers', async (t) => {
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
  t.equal(waits.length, 1, 'one wait for all callers')
})

for (const kind of ['memory', 'file']) {
  t.test(`A process that takes the lease of an overdue holder emits takeover (${kind} store)`, async (t) => {
    const dir = temporaryFolder(t)
    const shared = memoryStore()
    const open = () => (kind === 'file' ? fileStore({ dir }) : shared)
    await open().acquire('K', 0.05)
    const { dog } = createTestDog(t, { store: open() })
    dog.init('K', countingFetcher({ expiresIn: 60 }))
    const events: DogEvents['takeover'][] = []
    dog.on('takeover', (takeover) => events.push(takeover))
    t.equal(await dog.get('K'), 'v1')
    t.match(events, [{ key: 'K', holder: new RegExp(`:${process.pid}$`) }])
  })
}

t.test('There is no event named error, and a listener that was added twice is called once', async (t) => {
  const { dog } = createTestDog(t)
  t.throws(
    () => dog.on('error' as never, () => {}),
    /event must be change, refresh, failure, wait, takeover or warning; got "error"/,
  )
  let calls = 0
  const listen = () => void calls++
  dog.on('refresh', listen)
  dog.on('refresh', listen)
  dog.init('K', countingFetcher())
  await dog.get('K')
  t.equal(calls, 1)
})
