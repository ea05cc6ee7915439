import { inspect } from 'node:util'
import t from 'tap'
import { rejectionOf } from '../support/errors.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { countingFetcher, createDog, createTestDog, memoryStore, storeRecord } from '../support/test-dog.js'
import { deferred, pause } from '../support/timing.js'

t.test('set stores a value for every process, with a higher generation', async (t) => {
  const { dog, another } = createTestDog(t)
  const fetcher = countingFetcher()
  const secret = dog.init('K', fetcher)
  const other = another()
  await dog.get('K')
  const { generation } = dog.peek('K')!
  await other.set('K', 'set', { expiresIn: 60 })
  t.equal(await dog.refresh('K', { rejected: 'v1' }), 'set')
  t.ok(dog.peek('K')!.generation > generation)
  const end = Date.now() + 90_000
  await secret.set('again', { expiresAt: new Date(end) })
  t.equal(await secret.get(), 'again')
  t.equal(secret.peek()!.expiresAt, end)
  t.equal(fetcher.calls.count, 1)
})

t.test('A wrong set throws a TypeError that does not contain the value', async (t) => {
  const { dog } = createTestDog(t)
  const wrong: [unknown, object][] = [
    ['S3CRET', {}],
    ['S3CRET', { expiresIn: -1 }],
    ['S3CRET', { expiresIn: Number.NaN }],
    ['S3CRET', { expiresAt: 1_763_657_200 }],
    ['S3CRET', { expiresIn: 'S3CRET' }],
    [undefined, { expiresIn: 1 }],
    [() => 'S3CRET', { expiresIn: 1 }],
  ]
  for (const [value, expiry] of wrong) {
    const error = await rejectionOf(() => dog.set('K', value as string, expiry))
    t.equal(error.name, 'TypeError', error.message)
    t.match(error.message, /^set\("K"\): /)
    t.notMatch(inspect(error), /S3CRET/)
  }
  t.equal((await rejectionOf(() => dog.set('K', 'S3CRET', undefined as never))).name, 'TypeError')
})

t.test('A set supersedes the current fetch, and is newer than its value', async (t) => {
  const { dog } = createTestDog(t)
  const begun = deferred()
  const hold = deferred()
  dog.init('K', async () => {
    begun.resolve()
    await hold.promise
    return { value: 'fetched', expiresIn: 60 }
  })
  const got = dog.get('K')
  await begun.promise
  await dog.set('K', 'set', { expiresIn: 60 })
  t.equal(await got, 'set')
  hold.resolve()
  await pause(50)
  t.equal(await dog.get('K'), 'set')
})

t.test('remove resolves to whether there was a value, and the key stays registered', async (t) => {
  const { dog } = createTestDog(t)
  const fetcher = countingFetcher()
  const secret = dog.init('K', fetcher)
  t.equal(await dog.remove('K'), false)
  await dog.get('K')
  const { generation } = secret.peek()!
  t.equal(await secret.remove(), true)
  t.equal(secret.peek(), undefined)
  t.equal(await dog.remove('K'), false)
  t.equal(await dog.get('K'), 'v2')
  t.ok(secret.peek()!.generation > generation)
})

t.test('status lists every key that the dog knows or its store holds, sorted', async (t) => {
  const { dog, store } = createTestDog(t)
  const fresh = await storeRecord(store, 'C', 'x', -1, 60, { by: 'elsewhere:7', identity: 'wx1' })
  await storeRecord(store, 'B', 'x', -1, 5)
  await storeRecord(store, 'A', 'x', -10, -5)
  dog.init('D', countingFetcher(), { quota: { limit: 7 } })
  t.same(await dog.status(), [
    { ...(await at('A')), state: 'expired' },
    { ...(await at('B')), state: 'due' },
    {
      ...(await at('C')),
      state: 'fresh',
      by: 'elsewhere:7',
      identity: 'wx1',
      fetchedAt: fresh.fetchedAt,
      expiresAt: fresh.expiresAt,
      dueAt: fresh.expiresAt - fresh.ahead * 1000,
    },
    { key: 'D', state: 'missing', fetches: 0, quota: 7, store: 'memory' },
  ])
  async function at(key: string) {
    const { fetchedAt, expiresAt, ahead, generation } = (await store.read(key))!
    return { key, fetches: 0, store: 'memory', fetchedAt, expiresAt, dueAt: expiresAt - ahead * 1000, generation }
  }
})

t.test('status lists the keys of every store of the dog, not only of its default store', async (t) => {
  const { dog } = createTestDog(t)
  const own = memoryStore()
  dog.init('K', countingFetcher(), { store: own })
  await storeRecord(own, 'THERE', 'x', -1, 60)
  t.match(await dog.status(), [{ key: 'K' }, { key: 'THERE', state: 'fresh' }])
})

t.test('status has the current holder, the number of fetches and the last failure', async (t) => {
  const { dog } = createTestDog(t)
  const begun = deferred()
  const hold = deferred()
  dog.init('K', async () => {
    begun.resolve()
    await hold.promise
    throw new Error('down')
  })
  const got = rejectionOf(dog.get('K'))
  await begun.promise
  t.match(await dog.status(), [{ key: 'K', state: 'missing', holder: new RegExp(`:${process.pid}$`), fetches: 1 }])
  hold.resolve()
  await got
  const [status] = await dog.status()
  t.match(status, { fetches: 1, failure: { code: 'ERR_DOG_FETCH', count: 1, message: /down/ } })
  t.equal(status!.holder, undefined)
})

t.test('status has the folder, and never a value', async (t) => {
  const dir = temporaryFolder(t)
  const dog = createDog({ dir })
  t.teardown(() => dog.close())
  dog.init('OBJECT', async () => ({ value: { token: 'S3CRET-1' } as never, expiresIn: 60 }))
  dog.init('FAILED', async () => {
    throw new Error('of S3CRET-2')
  })
  await dog.set('FAILED', 'S3CRET-2', { expiresIn: 60 })
  await dog.get('OBJECT')
  await rejectionOf(dog.refresh('FAILED'))
  const status = await dog.status()
  t.match(status, [
    { key: 'FAILED', store: 'file', dir, failure: { code: 'ERR_DOG_FETCH' } },
    { key: 'OBJECT', store: 'file', dir },
  ])
  t.notMatch(inspect(status, { depth: 9, showHidden: true }), /S3CRET/)
})

t.test('The objects that status returns are copies', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('K', () => Promise.reject(new Error('down')))
  const { retryAt } = await rejectionOf(dog.get('K'))
  const [status] = await dog.status()
  status!.failure!.retryAt = 0
  t.equal((await rejectionOf(dog.get('K'))).retryAt, retryAt)
})
