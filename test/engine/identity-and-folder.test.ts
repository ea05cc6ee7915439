// Whose key it is: identities, followers, and the life of a dog.
import { join } from 'node:path'
import t from 'tap'
import { counting, createDog, failure, fileStore, folder, gate, kennel, memoryStore, put, until } from '../support/test-dog.js'

t.test('a record of another account is an error that says which, and where', async (t) => {
  const dir = folder(t)
  const store = fileStore({ dir })
  await put(store, 'K', 'of wx1', -1, 60, { identity: 'wx1' })
  const { dog } = kennel(t, { store: fileStore({ dir }) })
  const fetcher = counting()
  dog.init('K', fetcher, { identity: 'wx2' })
  for (const call of [
    () => dog.get('K'),
    () => dog.refresh('K'),
    () => dog.use('K', () => {}),
    () => dog.set('K', 'x', { expiresIn: 1 }),
  ]) {
    const error = await failure(call)
    t.match(error, { code: 'ERR_DOG_IDENTITY', key: 'K', path: join(dir, 'K.dog') })
    for (const part of ['wx1', 'wx2', join(dir, 'K.dog')]) t.ok(error.message.includes(part), error.message)
  }
  t.equal(dog.peek('K'), undefined)
  t.equal(fetcher.calls.count, 0)
  t.match(await dog.status(), [{ key: 'K', state: 'unreadable', failure: { code: 'ERR_DOG_IDENTITY' } }])
  t.equal((await store.read('K'))?.value, 'of wx1', 'it is left alone')
})

t.test('an identity that only one side names is no conflict, and is written with the next value', async (t) => {
  const { dog, another, store } = kennel(t)
  await put(store, 'K', 'nobody', -1, 60)
  await put(store, 'L', 'of wx1', -1, 60, { identity: 'wx1' })
  const named = another({ identity: 'wx2' })
  named.init('K', counting())
  t.equal(await named.get('K'), 'nobody')
  await named.refresh('K')
  t.equal((await store.read('K'))?.identity, 'wx2')
  dog.init('L', counting())
  t.equal(await dog.get('L'), 'of wx1')
})

t.test('init again with another folder, store or identity is a TypeError that names createDog', async (t) => {
  const dir = folder(t)
  const { dog } = kennel(t)
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

t.test('misspelled and wrong options are TypeErrors of init and createDog', async (t) => {
  const { dog } = kennel(t)
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

t.test('a key that nobody initialised here is read, and never fetched', async (t) => {
  const { dog, another } = kennel(t)
  const follower = another()
  t.match(await failure(follower.get('K')), { code: 'ERR_DOG_NO_FETCHER', key: 'K', message: /"K"/ })
  dog.init('K', counting({ expiresIn: 60 }))
  await dog.get('K')
  await until(async () => (await follower.get('K').catch(() => undefined)) === 'v1')
  t.equal(await follower.use('K', (value) => `used ${value}`), 'used v1')
  t.match(await failure(follower.refresh('K')), { code: 'ERR_DOG_NO_FETCHER', key: 'K' })
  t.match(await failure(follower.refresh('K', { rejected: 'v1' })), { code: 'ERR_DOG_NO_FETCHER' })
  t.equal(await follower.refresh('K', { rejected: 'v0' }), 'v1', 'what is another value already needs no fetch')
})

t.test('followOnly: true follows as well, also when the value is due or gone', async (t) => {
  const { dog, store } = kennel(t)
  const fetcher = counting()
  dog.init('K', fetcher, { followOnly: true })
  t.match(await failure(dog.get('K')), { code: 'ERR_DOG_NO_FETCHER' })
  await put(store, 'K', 'due', -100, 5)
  await until(async () => (await dog.get('K').catch(() => undefined)) === 'due')
  await put(store, 'K', 'old', -100, -1)
  await until(async () => (await dog.get('K').catch((error) => error.code)) === 'ERR_DOG_NO_FETCHER')
  t.equal(fetcher.calls.count, 0)
})

t.test('a follower waits while there is a living holder, and has its value or its failure', async (t) => {
  for (const works of [true, false]) {
    const { dog, another } = kennel(t)
    const begun = gate()
    const hold = gate()
    dog.init('K', async () => {
      begun.open()
      await hold.opened
      if (!works) throw new Error('down')
      return { value: 'v', expiresIn: 60 }
    })
    const follower = another()
    let waits = 0
    follower.on('wait', () => waits++)
    const got = dog.get('K').catch(() => {})
    await begun.opened
    const followed = follower.get('K').catch((error) => error)
    await until(() => waits === 1)
    hold.open()
    await got
    if (works) t.equal(await followed, 'v')
    else t.match(await followed, { code: 'ERR_DOG_FETCH', message: /down/ })
  }
})

t.test('a key that is asked for first and initialised later is fetched then', async (t) => {
  const { dog } = kennel(t)
  t.match(await failure(dog.get('K')), { code: 'ERR_DOG_NO_FETCHER' })
  dog.init('K', counting())
  t.equal(await dog.get('K'), 'v1')
})

t.test('close lets the fetch under way finish and store its value', async (t) => {
  const { dog, store } = kennel(t)
  const begun = gate<AbortSignal>()
  const hold = gate()
  dog.init('K', async ({ signal }) => {
    begun.open(signal)
    await hold.opened
    return { value: 'v', expiresIn: 60 }
  })
  const got = dog.get('K').catch((error) => error.code)
  const signal = await begun.opened
  const closed = dog.close()
  t.equal(signal.aborted, false)
  hold.open()
  await closed
  t.equal((await store.read('K'))?.value, 'v')
  t.match(await got, /^(v|ERR_DOG_CLOSED)$/)
})

t.test('close rejects who waits for another process, and what is asked afterwards; init reopens', async (t) => {
  const { dog, another } = kennel(t)
  const hold = gate()
  const begun = gate()
  dog.init('K', async () => {
    begun.open()
    await hold.opened
    return { value: 'v', expiresIn: 60 }
  })
  const other = another()
  const fetcher = counting()
  other.init('K', fetcher)
  let waits = 0
  other.on('wait', () => waits++)
  const got = dog.get('K')
  await begun.opened
  const waiting = failure(other.get('K'))
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
  for (const call of calls) t.match(await failure(call), { code: 'ERR_DOG_CLOSED', key: 'K' }, String(call))
  hold.open()
  t.equal(await got, 'v')
  other.init('K', fetcher)
  t.equal(await other.get('K'), 'v')
  t.equal(await other.refresh('K'), 'v1')
})

t.test('a value in memory is not served by a closed dog, either', async (t) => {
  const { dog } = kennel(t)
  dog.init('K', counting())
  await dog.get('K')
  await dog.get('K')
  const closed = dog.close()
  t.match(await failure(dog.get('K')), { code: 'ERR_DOG_CLOSED' })
  await closed
  t.match(await failure(dog.get('K')), { code: 'ERR_DOG_CLOSED' })
})

t.test('closing records no failure', async (t) => {
  const { dog, another } = kennel(t)
  const begun = gate()
  dog.init('K', async ({ get }) => ({ value: await get<string>('SLOW'), expiresIn: 60 }))
  const other = another()
  const hold = gate()
  other.init('SLOW', async () => {
    begun.open()
    await hold.opened
    return { value: 'v', expiresIn: 60 }
  })
  const slow = other.get('SLOW')
  await begun.opened
  const waits = gate()
  dog.on('wait', () => waits.open())
  const got = failure(dog.get('K'))
  await waits.opened
  await dog.close()
  t.match(await got, { code: 'ERR_DOG_CLOSED' })
  hold.open()
  await slow
  for (const { failure } of await other.status()) t.equal(failure, undefined)
})

t.test('members can be taken off a dog, and off a secret', async (t) => {
  const { dog } = kennel(t)
  const { init, get, peek, refresh, use, set, remove, status } = dog
  const { get: getIt, peek: peekIt, use: useIt } = init('K', counting())
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
