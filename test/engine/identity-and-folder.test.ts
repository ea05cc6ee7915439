// Identities, followers, and the life cycle of a dog.
import { join } from 'node:path'
import t from 'tap'
import { rejectionOf } from '../support/errors.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { countingFetcher, createDog, createTestDog, fileStore, memoryStore, storeRecord } from '../support/test-dog.js'
import { deferred, until } from '../support/timing.js'

t.test('A record of another account gives an error that names both accounts and the file', async (t) => {
  const dir = temporaryFolder(t)
  const store = fileStore({ dir })
  await storeRecord(store, 'K', 'of wx1', -1, 60, { identity: 'wx1' })
  const { dog } = createTestDog(t, { store: fileStore({ dir }) })
  const fetcher = countingFetcher()
  dog.init('K', fetcher, { identity: 'wx2' })
  for (const call of [
    () => dog.get('K'),
    () => dog.refresh('K'),
    () => dog.use('K', () => {}),
    () => dog.set('K', 'x', { expiresIn: 1 }),
  ]) {
    const error = await rejectionOf(call)
    t.match(error, { code: 'ERR_DOG_IDENTITY', key: 'K', path: join(dir, 'K.dog') })
    for (const part of ['wx1', 'wx2', join(dir, 'K.dog')]) t.ok(error.message.includes(part), error.message)
  }
  t.equal(dog.peek('K'), undefined)
  t.equal(fetcher.calls.count, 0)
  t.match(await dog.status(), [{ key: 'K', state: 'unreadable', failure: { code: 'ERR_DOG_IDENTITY' } }])
  t.equal((await store.read('K'))?.value, 'of wx1', 'the record is unchanged')
})

t.test('An identity on one side only is no conflict, and the next value is written with it', async (t) => {
  const { dog, another, store } = createTestDog(t)
  await storeRecord(store, 'K', 'nobody', -1, 60)
  await storeRecord(store, 'L', 'of wx1', -1, 60, { identity: 'wx1' })
  const named = another({ identity: 'wx2' })
  named.init('K', countingFetcher())
  t.equal(await named.get('K'), 'nobody')
  await named.refresh('K')
  t.equal((await store.read('K'))?.identity, 'wx2')
  dog.init('L', countingFetcher())
  t.equal(await dog.get('L'), 'of wx1')
})

t.test('A second init with another folder, store or identity throws a TypeError that names createDog', async (t) => {
  const dir = temporaryFolder(t)
  const { dog } = createTestDog(t)
  const plain = () => {}
  dog.init('K', plain)
  for (const options of [{ dir }, { store: memoryStore() }, { identity: 'wx1' }, dir]) {
    t.throws(() => dog.init('K', plain, options), {
      name: 'TypeError',
      message: /"K".*another (dir|store|identity).*createDog/,
    })
  }
  t.doesNotThrow(() => dog.init('K', plain, { timeout: 5, refreshAhead: 1 }))
  const own = createDog({ dir })
  t.teardown(() => own.close())
  own.init('K', plain)
  t.doesNotThrow(() => own.init('K', plain, { dir }))
  t.doesNotThrow(() => own.init('K', plain, dir))
})

t.test('init and createDog throw a TypeError for misspelled and wrong options', async (t) => {
  const { dog } = createTestDog(t)
  for (const call of [
    () => dog.init('K', () => {}, { timeOut: 5 } as never),
    () => dog.init('K', () => {}, { timeout: 30_000 }),
    () => dog.init('K', () => {}, { dir: 'x', store: memoryStore() }),
    () => createDog({ mode: 0o777 }),
    () => createDog({ folder: 'x' } as never),
  ]) {
    t.throws(call, { name: 'TypeError' })
  }
})

t.test('A key without a fetcher in this process is read, and never fetched', async (t) => {
  const { dog, another } = createTestDog(t)
  const follower = another()
  t.match(await rejectionOf(follower.get('K')), { code: 'ERR_DOG_NO_FETCHER', key: 'K', message: /"K"/ })
  dog.init('K', countingFetcher({ expiresIn: 60 }))
  await dog.get('K')
  await until(async () => (await follower.get('K').catch(() => undefined)) === 'v1')
  t.equal(await follower.use('K', (value) => `used ${value}`), 'used v1')
  t.match(await rejectionOf(follower.refresh('K')), { code: 'ERR_DOG_NO_FETCHER', key: 'K' })
  t.match(await rejectionOf(follower.refresh('K', { rejected: 'v1' })), { code: 'ERR_DOG_NO_FETCHER' })
  t.equal(await follower.refresh('K', { rejected: 'v0' }), 'v1', 'a value that differs from the rejected one needs no fetch')
})

t.test('A key with followOnly: true is never fetched, even if its value is due or gone', async (t) => {
  const { dog, store } = createTestDog(t)
  const fetcher = countingFetcher()
  dog.init('K', fetcher, { followOnly: true })
  t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_NO_FETCHER' })
  await storeRecord(store, 'K', 'due', -100, 5)
  await until(async () => (await dog.get('K').catch(() => undefined)) === 'due')
  await storeRecord(store, 'K', 'old', -100, -1)
  await until(async () => (await dog.get('K').catch((error) => error.code)) === 'ERR_DOG_NO_FETCHER')
  t.equal(fetcher.calls.count, 0)
})

t.test('A follower waits for a living holder, and gets its value or its failure', async (t) => {
  for (const works of [true, false]) {
    const { dog, another } = createTestDog(t)
    const begun = deferred()
    const hold = deferred()
    dog.init('K', async () => {
      begun.resolve()
      await hold.promise
      if (!works) throw new Error('down')
      return { value: 'v', expiresIn: 60 }
    })
    const follower = another()
    let waits = 0
    follower.on('wait', () => waits++)
    const got = dog.get('K').catch(() => {})
    await begun.promise
    const followed = follower.get('K').catch((error) => error)
    await until(() => waits === 1)
    hold.resolve()
    await got
    if (works) t.equal(await followed, 'v')
    else t.match(await followed, { code: 'ERR_DOG_FETCH', message: /down/ })
  }
})

t.test('A key that was read before its init can be fetched after it', async (t) => {
  const { dog } = createTestDog(t)
  t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_NO_FETCHER' })
  dog.init('K', countingFetcher())
  t.equal(await dog.get('K'), 'v1')
})

t.test('close lets the current fetch finish and store its value', async (t) => {
  const { dog, store } = createTestDog(t)
  const begun = deferred<AbortSignal>()
  const hold = deferred()
  dog.init('K', async ({ signal }) => {
    begun.resolve(signal)
    await hold.promise
    return { value: 'v', expiresIn: 60 }
  })
  const got = dog.get('K').catch((error) => error.code)
  const signal = await begun.promise
  const closed = dog.close()
  t.equal(signal.aborted, false)
  hold.resolve()
  await closed
  t.equal((await store.read('K'))?.value, 'v')
  t.match(await got, /^(v|ERR_DOG_CLOSED)$/)
})

t.test('close rejects waiting and later calls, and init reopens the dog', async (t) => {
  const { dog, another } = createTestDog(t)
  const hold = deferred()
  const begun = deferred()
  dog.init('K', async () => {
    begun.resolve()
    await hold.promise
    return { value: 'v', expiresIn: 60 }
  })
  const other = another()
  const fetcher = countingFetcher()
  other.init('K', fetcher)
  let waits = 0
  other.on('wait', () => waits++)
  const got = dog.get('K')
  await begun.promise
  const waiting = rejectionOf(other.get('K'))
  await until(() => waits === 1)
  await other.close()
  t.match(await waiting, { code: 'ERR_DOG_CLOSED' })
  await other.close()
  const calls = [
    () => other.get('K'),
    () => other.refresh('K'),
    () => other.use('K', () => {}),
    () => other.remove('K'),
    () => other.set('K', 'x', { expiresIn: 1 }),
  ]
  for (const call of calls) t.match(await rejectionOf(call), { code: 'ERR_DOG_CLOSED', key: 'K' }, String(call))
  hold.resolve()
  t.equal(await got, 'v')
  other.init('K', fetcher)
  t.equal(await other.get('K'), 'v')
  t.equal(await other.refresh('K'), 'v1')
})

t.test('A closed dog does not serve a cached value', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('K', countingFetcher())
  await dog.get('K')
  await dog.get('K')
  const closed = dog.close()
  t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_CLOSED' })
  await closed
  t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_CLOSED' })
})

t.test('close records no failure', async (t) => {
  const { dog, another } = createTestDog(t)
  const begun = deferred()
  dog.init('K', async ({ get }) => ({ value: await get<string>('SLOW'), expiresIn: 60 }))
  const other = another()
  const hold = deferred()
  other.init('SLOW', async () => {
    begun.resolve()
    await hold.promise
    return { value: 'v', expiresIn: 60 }
  })
  const slow = other.get('SLOW')
  await begun.promise
  const waits = deferred()
  dog.on('wait', () => waits.resolve())
  const got = rejectionOf(dog.get('K'))
  await waits.promise
  await dog.close()
  t.match(await got, { code: 'ERR_DOG_CLOSED' })
  hold.resolve()
  await slow
  for (const { failure } of await other.status()) t.equal(failure, undefined)
})

t.test('The methods of a dog and of a secret work without their object', async (t) => {
  const { dog } = createTestDog(t)
  const { init, get, peek, refresh, use, set, remove, status } = dog
  const { get: getIt, peek: peekIt, use: useIt } = init('K', countingFetcher())
  t.equal(await get('K'), 'v1')
  t.equal(await getIt(), 'v1')
  t.equal(peek('K')!.value, 'v1')
  t.equal(peekIt()!.value, 'v1')
  t.equal(await refresh('K'), 'v2')
  t.equal(await use('K', (value) => value), 'v2')
  t.equal(await useIt((value) => value), 'v2')
  await set('K', 'x', { expiresIn: 60 })
  t.equal(await remove('K'), true)
  t.match(await status(), [{ key: 'K', state: 'missing' }])
})

t.test('A record of another account stays foreign when the key was read before its init', async (t) => {
  const dir = temporaryFolder(t)
  const theirs = createDog({ dir })
  theirs.init('K', async () => ({ value: 'token-of-A', expiresIn: 7200 }), { identity: 'wxA' })
  await theirs.get('K')
  const mine = createDog({ dir })
  mine.peek('K')
  mine.init('K', async () => ({ value: 'token-of-B', expiresIn: 7200 }), { identity: 'wxB' })
  await t.rejects(mine.get('K'), { code: 'ERR_DOG_IDENTITY' })
})
