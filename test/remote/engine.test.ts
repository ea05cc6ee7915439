// A dog on another machine, whose values a central server fetches.
import t from 'tap'
import type { Dog, DogError } from '../../index.js'
import { CLIENT, central, codeOf, dotdog, pause, until } from './setup.js'

t.test('get, peek, refresh and use work as on the server itself, and no fetcher runs on the client', async (t) => {
  const here = await central(t)
  const dog = here.client()
  let calls = 0
  const secret = dog.init('FETCHED', () => {
    calls++
    return { value: 'wrong', expiresIn: 100 }
  })
  const first = await secret.get()
  t.match(first, /^fetched 1 by/)
  t.equal(await secret.get(), first)
  t.equal(secret.peek()?.value, first)
  t.equal(await here.dog.get('FETCHED'), first)
  const second = await secret.refresh()
  t.match(second, /^fetched 2 by/)
  const third = await secret.refresh({ rejected: second })
  t.match(third, /^fetched 3 by/)
  t.equal(await secret.refresh({ rejected: second }), third, 'a late report does not cause a fetch')
  t.equal(calls, 0)
  t.equal(here.fetches(), 3)
})

t.test('a task whose value was rejected runs once more, with a new value', async (t) => {
  const here = await central(t)
  const dog = here.client()
  const isRejected = (error: unknown) => (error as Error).message === 'dead'
  const secret = dog.init<string>('FETCHED', () => ({ value: 'wrong', expiresIn: 100 }), { isRejected })
  const used: string[] = []
  await secret.use(async (value) => {
    used.push(value)
    if (used.length === 1) throw new Error('dead')
  })
  t.match(used, [/^fetched 1 by/, /^fetched 2 by/])
})

t.test('a hundred reports of a rejected value from two clients cause one fetch', async (t) => {
  const here = await central(t)
  const dogs = [here.client(), here.client()]
  const rejected = await dogs[0]!.get('FETCHED')
  const all = await Promise.all(Array.from({ length: 100 }, (_, i) => dogs[i % 2]!.refresh('FETCHED', { rejected })))
  t.equal(new Set(all).size, 1)
  t.equal(here.fetches(), 2)
})

t.test('while the server is down a valid value is served with one warning, and every other get fails', async (t) => {
  const here = await central(t)
  const dog = here.client()
  const warnings: { code: string; message: string }[] = []
  dog.on('warning', (warning) => warnings.push(warning))
  await here.dog.set('SHORT', 'soon over', { expiresIn: 1.5 })
  const value = await dog.get('FETCHED')
  t.equal(await dog.get('SHORT'), 'soon over')
  const [, port] = /:(\d+)$/.exec(here.url)!
  await here.server.close()
  for (let round = 0; round < 5; round++) {
    t.equal(await dog.get('FETCHED'), value)
    await pause(120)
  }
  t.equal(warnings.length, 1)
  t.match(warnings[0], { code: 'ERR_DOG_STORE', message: /cannot be reached/ })
  t.equal(await codeOf(dog.get('NEVER_SEEN')), 'ERR_DOG_STORE')
  await until(() => dog.peek('SHORT') === undefined)
  t.equal(await codeOf(dog.get('SHORT')), 'ERR_DOG_STORE')
  const back = await central(t, [CLIENT], Number(port), here.dir)
  await back.dog.set('SHORT', 'new', { expiresIn: 100 })
  t.equal(await dog.get('SHORT'), 'new')
  await until(async () => (await dog.get('FETCHED')) === value)
})

t.test('a newer value arrives without a request, as a change event', async (t) => {
  const here = await central(t)
  const dog = here.client()
  const changes: (number | undefined)[] = []
  dog.on('change', ({ key, generation }) => key === 'FETCHED' && changes.push(generation))
  await dog.get('FETCHED')
  await pause(150)
  await dog.get('FETCHED')
  // From here on this dog asks for nothing.
  const next = await here.dog.refresh('FETCHED')
  const { generation } = here.dog.peek('FETCHED')!
  await until(() => changes.includes(generation))
  t.equal(dog.peek('FETCHED')?.value, next)
  t.equal(here.fetches(), 2)
})

t.test('a failed fetch on the server is the same error on the client; a missing right is an ERR_DOG_STORE', async (t) => {
  const here = await central(t, [{ ...CLIENT, keys: ['BROKEN', 'FETCHED'], refresh: false }])
  here.dog.init('BROKEN', async () => {
    throw Object.assign(new Error('the upstream is down'), { retryAfter: 50 })
  })
  const dog = here.client()
  const before = Date.now()
  const error = await dog.get('BROKEN').catch((error: DogError) => error)
  t.ok(error instanceof dotdog.DogError)
  t.match(error, { code: 'ERR_DOG_FETCH', key: 'BROKEN', message: /the upstream is down/ })
  const { retryAt } = error as DogError
  t.ok(retryAt! > before + 40_000 && retryAt! < before + 60_000, `${retryAt}`)
  const rejected = await dog.get('FETCHED')
  const refused = await dog.refresh('FETCHED', { rejected }).catch((error: DogError) => error)
  t.match(refused, { code: 'ERR_DOG_STORE', message: /does not allow this client/ })
  t.match(await dog.get('FOREIGN').catch((error: DogError) => error), { code: 'ERR_DOG_STORE', message: /FOREIGN/ })
  t.equal(here.fetches(), 1)
  const stranger = dotdog.createDog({ store: here.store('another-token-0123456789') })
  const unknown = await stranger.get('FETCHED').catch((error: DogError) => error)
  t.match(unknown, { code: 'ERR_DOG_STORE', message: /does not accept this client's token/ })
  t.notMatch(JSON.stringify(unknown) + (unknown as Error).stack, /another-token/)
})

t.test('a key that the server does not have is an ERR_DOG_NO_FETCHER', async (t) => {
  const here = await central(t)
  t.equal(await codeOf(here.client().get('NOWHERE')), 'ERR_DOG_NO_FETCHER')
  const dog = here.client({ followOnly: true })
  t.match(await dog.get('FETCHED'), /^fetched/, 'a follower gets values as well')
})

t.test('set and remove fail on a client', async (t) => {
  const here = await central(t)
  const dog = here.client()
  t.equal(await codeOf(dog.set('FETCHED', 'x', { expiresIn: 10 })), 'ERR_DOG_STORE')
  t.equal(await codeOf(dog.remove('FETCHED')), 'ERR_DOG_STORE')
})

t.test('minTtl causes one fetch on the server, and its result is returned', async (t) => {
  const here = await central(t)
  const dog = here.client()
  await dog.get('FETCHED', { minTtl: 100 })
  t.equal(here.fetches(), 1)
  t.match(await dog.get('FETCHED', { minTtl: 9000 }), /^fetched 2/)
  t.equal(here.fetches(), 2)
})

t.test('a value that has expired when it arrives is returned to its waiter, and not requested in a loop', async (t) => {
  const here = await central(t)
  let fetches = 0
  here.dog.init('OVER', async () => ({ value: `over ${++fetches}`, expiresIn: 0 }))
  t.equal(await here.client().get('OVER'), 'over 1')
  t.equal(fetches, 1)
})

t.test('an abort ends the wait of its own caller only', async (t) => {
  const here = await central(t)
  here.dog.init('SLOW', async () => {
    await pause(500)
    return { value: 'slow', expiresIn: 100 }
  })
  const dog = here.client()
  const aborter = new AbortController()
  const left = dog.get('SLOW', { signal: aborter.signal })
  const stayed = dog.get('SLOW')
  setTimeout(() => aborter.abort(new Error('caller left')), 50)
  await t.rejects(left, /caller left/)
  t.equal(await stayed, 'slow')
})

t.test('A remote store with an encryptionKey gets, refreshes and reports values like one without', async (t) => {
  const here = await central(t)
  const dog = here.client({ encryptionKey: '1f'.repeat(32) })
  t.teardown(() => dog.close())
  const first = await dog.get('FETCHED')
  t.equal(first, `fetched 1 by ${process.pid}`)
  t.equal(await dog.refresh('FETCHED', { rejected: first }), `fetched 2 by ${process.pid}`)
  t.equal(await dog.refresh('FETCHED', { rejected: first }), `fetched 2 by ${process.pid}`, 'the report is old')
  t.equal(here.fetches(), 2)
  const remote = here.store()
  const [status] = (await dog.status()).filter(({ key }) => key === 'FETCHED')
  t.match(status, { state: 'fresh', store: remote.name })
})

t.test('A key on the server that waits for a pushed key has a value as soon as that key is set', async (t) => {
  const here = await central(t)
  here.dog.init('C', async ({ get }) => ({ value: `of ${await get('PUSHED')}`, expiresIn: 60 }))
  const dog = here.client()
  t.teardown(() => dog.close())
  for (let tries = 0; tries < 6; tries++) t.equal(await codeOf(dog.get('C')), 'ERR_DOG_FETCH')
  await here.dog.set('PUSHED', 'ticket', { expiresIn: 60 })
  t.equal(await dog.get('C'), 'of ticket')
})

t.test('A key of a client that depends on a key of the server does not back off beyond it', async (t) => {
  const here = await central(t)
  const dog = dotdog.createDog({ store: dotdog.memoryStore() })
  t.teardown(() => dog.close())
  dog.init('PUSHED', () => {}, { store: here.store() })
  dog.init('C', async ({ get }) => ({ value: `of ${await get('PUSHED')}`, expiresIn: 60 }))
  for (let tries = 0; tries < 6; tries++) t.equal(await codeOf(dog.get('C')), 'ERR_DOG_FETCH')
  await here.dog.set('PUSHED', 'ticket', { expiresIn: 60 })
  t.equal(await dog.get('C'), 'of ticket')
})

t.test('the details of a failed fetch are those of the server, and its own troubles have none', async (t) => {
  const here = await central(t)
  const details = { errcode: 40164, ip: '203.0.113.9', hintZh: '加入白名单', list: [{ a: null }] }
  here.dog.init('REFUSED', () => Promise.reject(Object.assign(new Error('refused'), { retryAfter: 60, details })))
  here.dog.init('BROKEN', () => {
    throw new dotdog.DogError('ERR_DOG_STORE', '/srv/secret-place', { details: { path: '/srv/secret-place' } })
  })
  const errorOf = (dog: Dog, key: string) => dog.get(key).catch((error) => error as DogError)
  const local = (await errorOf(here.dog, 'REFUSED')) as DogError
  t.strictSame(local.details, details)
  for (const dog of [here.client(), here.client()]) {
    const error = (await errorOf(dog, 'REFUSED')) as DogError
    t.match(error, { code: 'ERR_DOG_FETCH', key: 'REFUSED', retryAt: Number })
    t.strictSame(error.details, details)
  }
  t.equal(((await errorOf(here.client(), 'BROKEN')) as DogError).details, undefined)
})
