import { EventEmitter } from 'node:events'
import t from 'tap'
import { rejectionOf } from '../support/errors.js'
import { ownKeyTests } from '../support/own-key-tests.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createTestDog, fileStore, memoryStore, storeOnFullDisk } from '../support/test-dog.js'
import { deferred, pause } from '../support/timing.js'

t.test('In a memory store', async (t) => {
  ownKeyTests(t, () => {
    const store = memoryStore()
    return () => store
  })
})

t.test('In a file store', async (t) => {
  ownKeyTests(t, (t) => {
    const dir = temporaryFolder(t)
    return () => fileStore({ dir })
  })
})

t.test('Somebody else may ask for a key while its fetch runs', async (t) => {
  const { dog } = createTestDog(t)
  const begun = deferred()
  const hold = deferred()
  dog.init('K', async () => {
    begun.resolve()
    await hold.promise
    return { value: 'v', expiresIn: 60 }
  })
  const first = dog.get('K')
  await begun.promise
  const second = dog.get('K')
  hold.resolve()
  t.same(await Promise.all([first, second]), ['v', 'v'])
})

t.test('A time-out names a wait for the own key where somebody in the process asked for it', async (t) => {
  const { dog } = createTestDog(t, { timeout: 0.3 })
  const requests = new EventEmitter()
  // Its listener is called outside the fetcher, so that nobody can tell that the fetcher waits for it.
  requests.on('request', () => dog.get('K').then(answer, answer))
  let answer: (value: unknown) => void = () => {}
  dog.init('K', () => new Promise<never>((resolve) => (answer = resolve as never)))
  const failed = rejectionOf(dog.get('K'))
  await pause(50)
  requests.emit('request')
  const error = await failed
  t.match(error, { code: 'ERR_DOG_FETCH_TIMEOUT', message: /does it wait for its own key/ })
  t.notMatch(error.message, /forgot to return/)
})

t.test('A set that the store refuses during a fetch leaves the answer of the fetch valid', async (t) => {
  let isFull = true
  const store = memoryStore()
  const { dog } = createTestDog(t, { store: storeOnFullDisk(store, () => isFull) })
  dog.init('K', async () => {
    await t.rejects(dog.set('K', 'set', { expiresIn: 60 }))
    isFull = false
    return { value: 'fetched', expiresIn: 60 }
  })
  t.equal(await dog.get('K'), 'fetched')
  t.equal((await store.read('K'))?.value, 'fetched')
})

t.test('A superseded fetch that never ends gives the lease back at its time-out', async (t) => {
  const { dog } = createTestDog(t, { timeout: 0.5 })
  let fetches = 0
  dog.init('K', async () => {
    if (++fetches > 1) return { value: 'next', expiresIn: 60 }
    await dog.set('K', 'set', { expiresIn: 60 })
    return await new Promise<never>(() => {})
  })
  t.equal(await dog.get('K'), 'set')
  t.equal(await dog.refresh('K'), 'next')
})
