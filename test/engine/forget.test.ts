import t from 'tap'
import type { DogRecord } from '../../index.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { countingFetcher, createDog, createTestDog, dotdog, fileStore, memoryStore, overriding } from '../support/test-dog.js'
import { deferred, pause, until } from '../support/timing.js'

t.test('A forgotten key is unknown: it has no fetcher, and init may give it another folder', async (t) => {
  const { dog, store } = createTestDog(t)
  const fetcher = countingFetcher()
  dog.init('K', fetcher)
  t.equal(await dog.get('K'), 'v1')
  dog.forget('K')
  t.same(await dog.status(), [])
  t.equal(await store.read('K'), undefined, 'a store in memory drops the value')
  await t.rejects(dog.get('K'), { code: 'ERR_DOG_NO_FETCHER' })
  dog.forget('K')
  dog.init('K', fetcher, { store: fileStore({ dir: temporaryFolder(t) }) })
  t.equal(await dog.get('K'), 'v2')
})

t.test('forget checks the key, and a key that is unknown is no error', async (t) => {
  const { dog } = createTestDog(t)
  dog.forget('UNKNOWN')
  t.throws(() => dog.forget(''), TypeError)
  t.throws(() => dog.forget(undefined as never), TypeError)
  t.type(dotdog.forget, 'function')
})

t.test('The stored value of a forgotten key stays, for other dogs and for a later init', async (t) => {
  const dir = temporaryFolder(t)
  const dog = createDog({ dir })
  const fetcher = countingFetcher()
  dog.init('K', fetcher)
  t.equal(await dog.get('K'), 'v1')
  dog.forget('K')
  t.equal(await dog.get('K'), 'v1', 'as a follower')
  dog.forget('K')
  dog.init('K', fetcher)
  t.equal(await dog.get('K'), 'v1')
  t.equal(fetcher.calls.count, 1)
  await dog.close()
})

for (const [name, make] of [
  ['memory', () => memoryStore()],
  ['file', (dir: string) => fileStore({ dir })],
] as const) {
  t.test(`A fetch under way ends, commits and answers its callers, and a later init shares it (${name} store)`, async (t) => {
    const store = make(temporaryFolder(t))
    const dog = createDog({ store })
    const answer = deferred<string>()
    let fetches = 0
    const fetcher = async () => {
      fetches++
      return { value: await answer.promise, expiresIn: 3600 }
    }
    dog.init('K', fetcher)
    const first = dog.get('K')
    await until(() => fetches === 1)
    dog.forget('K')
    dog.init('K', fetcher)
    const second = dog.get('K')
    await pause(50)
    answer.resolve('v')
    t.same(await Promise.all([first, second]), ['v', 'v'])
    t.equal(fetches, 1)
    await pause(20)
    t.equal((await store.read('K'))?.value, 'v', 'the store keeps what the key that was registered again needs')
    await dog.close()
  })
}

t.test('A value of a forgotten key that the store could not take is offered to the store once more', async (t) => {
  const store = memoryStore()
  let isFull = true
  const faulty = overriding(store, {
    acquire: async (key: string, timeout: number) => {
      const lease = await store.acquire(key, timeout)
      const commit = async (record: DogRecord | undefined) => {
        if (isFull) throw new Error('the disk is full')
        return await lease!.commit(record)
      }
      return lease && overriding(lease, { commit })
    },
    forget: () => {},
  })
  const dog = createDog({ store: faulty })
  dog.init('K', countingFetcher())
  t.equal(await dog.get('K'), 'v1')
  t.equal(await store.read('K'), undefined)
  isFull = false
  dog.forget('K')
  await until(async () => (await store.read('K'))?.value === 'v1')
  await dog.close()
})

t.test('close waits for the fetch of a forgotten key', async (t) => {
  const dir = temporaryFolder(t)
  const dog = createDog({ dir })
  let isStarted = false
  dog.init('K', async () => {
    isStarted = true
    await pause(200)
    return { value: 'v', expiresIn: 3600 }
  })
  const got = dog.get('K')
  await until(() => isStarted)
  dog.forget('K')
  await dog.close()
  t.equal((await fileStore({ dir }).read('K'))?.value, 'v')
  t.equal(await got, 'v')
})

t.test('A forgotten key is not refreshed by itself, also if it is forgotten in mid-fetch', async (t) => {
  const dog = createDog({ dir: temporaryFolder(t) })
  const answer = deferred()
  let fetches = 0
  dog.init(
    'K',
    async () => {
      fetches++
      await answer.promise
      return { value: 'v', expiresIn: 0.3 }
    },
    { autoRefresh: true },
  )
  const got = dog.get('K')
  await until(() => fetches === 1)
  dog.forget('K')
  answer.resolve()
  t.equal(await got, 'v')
  await pause(1000)
  t.equal(fetches, 1)
  await dog.close()
})

t.test('A listener hears of a change of a forgotten key once', async (t) => {
  const dir = temporaryFolder(t)
  const [dog, other] = [createDog({ dir }), createDog({ dir })]
  const changes: (number | undefined)[] = []
  dog.init('K', countingFetcher())
  dog.on('change', ({ key, generation }) => key === 'K' && changes.push(generation))
  await dog.get('K')
  dog.forget('K')
  // A watcher may take a while to begin.
  await until(async () => {
    await other.set('K', 'of another dog', { expiresIn: 60 })
    await pause(50)
    return changes.includes((await other.read('K')).generation)
  })
  // The watcher runs now, and is about to report what this dog reported itself.
  dog.init('K', countingFetcher())
  await dog.refresh('K', { force: true })
  dog.forget('K')
  await pause(300)
  t.equal(new Set(changes).size, changes.length, 'no change is reported twice')
  await Promise.all([dog.close(), other.close()])
})
