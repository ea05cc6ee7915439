// A rotating refresh token in one process; test/processes has several.
import t from 'tap'
import { createDog, memoryStore } from '../../src/core/index.js'
import { type RefreshTokenValue, refreshToken } from '../../src/fetchers/index.js'
import { deferred, until } from '../support/timing.js'
import { startRotatingServer } from './rotating-server.js'
import { createTestDog, printedForms, type Reply, rejectionOf, serve } from './setup.js'

const clientId = 'c1'
const LOG_IN = /log in again/

t.test('a seed is used once, and then each refresh token of its family', async (t) => {
  const server = await startRotatingServer(t)
  const dog = createTestDog(t)
  const seed = server.logIn()
  const secret = dog.init('KEY', ...refreshToken({ tokenUrl: server.url, clientId, seed }))
  const first = await secret.get()
  t.match(first, { access: /^access-for-refresh-2/, refresh: /^refresh-2/, seedId: /^[0-9a-f]{16}$/ })
  t.same(Object.keys(first), ['access', 'refresh', 'seedId'])
  for (let round = 0; round < 3; round++) await secret.refresh()
  t.equal(server.asked.length, 4)
  t.equal(new Set(server.asked).size, 4)
  t.equal(server.reuses, 0)
  const rejected = (await secret.get()) as RefreshTokenValue
  const used = await secret.use(({ access }) => {
    if (access === rejected.access) throw Object.assign(new Error('no'), { status: 401 })
    return access
  })
  t.not(used, rejected.access)
  t.equal(server.reuses, 0)
})

t.test('a client shows its secret in the header, in the body, or not at all', async (t) => {
  const body = { access_token: 'a', refresh_token: 'r2', expires_in: '60', token_type: 'bot', id_token: 'not.a.jwt' }
  const { url, asked } = await serve(t, () => ({ body }))
  const run = async (more: object) => {
    const [fetcher] = refreshToken({ tokenUrl: url, clientId: 'c:1', seed: 'r1', ...more })
    const result = await fetcher({ signal: new AbortController().signal, previous: undefined } as never)
    t.match(result, { value: { access: 'a', refresh: 'r2' }, expiresIn: '60' })
    return asked.at(-1)!
  }
  const basic = await run({ clientSecret: 'a b/ü', scope: ['x', 'y'], parameters: { resource: 'z' } })
  t.equal(basic.headers.authorization, `Basic ${Buffer.from('c%3A1:a+b%2F%C3%BC').toString('base64')}`)
  t.same(basic.body, { scope: 'x y', resource: 'z', grant_type: 'refresh_token', refresh_token: 'r1' })
  const post = await run({ clientSecret: async () => 's', auth: 'post' })
  t.match(post.body, { client_id: 'c:1', client_secret: 's' })
  const bare = await run({})
  t.equal(bare.headers.authorization, undefined)
  t.same(bare.body, { client_id: 'c:1', grant_type: 'refresh_token', refresh_token: 'r1' })
})

t.test('without a new refresh token and without a lifetime, the old one stays and the lifetime is 300 s', async (t) => {
  const { url } = await serve(t, () => ({ body: { access_token: 'a' } }))
  const [fetcher] = refreshToken({ tokenUrl: url, clientId, seed: 'r1' })
  const result = await fetcher({ signal: new AbortController().signal, previous: undefined } as never)
  t.match(result, { value: { access: 'a', refresh: 'r1' }, expiresIn: 300 })
})

t.test('after invalid_grant nobody asks the server again, until `set` brings a new login', async (t) => {
  const server = await startRotatingServer(t)
  const store = memoryStore()
  const [one, other] = [createDog({ store }), createDog({ store })]
  t.teardown(() => Promise.all([one.close(), other.close()]))
  const seed = server.logIn()
  for (const dog of [one, other]) dog.init('KEY', ...refreshToken({ tokenUrl: server.url, clientId, seed }))
  await one.get('KEY')
  server.revoke(seed)
  const error = await rejectionOf(one.refresh('KEY'))
  t.match(error, { code: 'ERR_DOG_FETCH', message: LOG_IN })
  t.ok(error.retryAt! > Date.now() + 80_000_000, 'for a day')
  t.notOk(printedForms(error).includes('of-the-server'))
  t.match(await rejectionOf(other.refresh('KEY')), { code: 'ERR_DOG_FETCH', message: LOG_IN })
  t.equal(server.asked.length, 2, 'one request told it to all')
  await other.set('KEY', { access: '', refresh: server.logIn() }, { expiresIn: 0 })
  t.match(await one.get('KEY'), { access: /^access-for/ })
  await one.refresh('KEY')
  t.equal(server.reuses, 0, 'the seed was not used again')
  t.equal(server.asked.length, 4)
})

t.test('a new seed ends it, in the process that has it and for all others', async (t) => {
  const server = await startRotatingServer(t)
  const store = memoryStore()
  const [old, follower, renewed] = [createDog({ store }), createDog({ store }), createDog({ store })]
  t.teardown(() => Promise.all([old.close(), follower.close(), renewed.close()]))
  const seed = server.logIn()
  let current = seed
  old.init('KEY', ...refreshToken({ tokenUrl: server.url, clientId, seed }))
  follower.init('KEY', ...refreshToken({ tokenUrl: server.url, clientId, seed: () => current }))
  const first = await old.get<RefreshTokenValue>('KEY')
  server.revoke(seed)
  t.match(await rejectionOf(follower.refresh('KEY')), { message: LOG_IN })
  t.equal(server.asked.length, 2)
  current = server.logIn()
  renewed.init('KEY', ...refreshToken({ tokenUrl: server.url, clientId, seed: current }))
  const second = (await renewed.refresh('KEY')) as unknown as RefreshTokenValue
  t.not(second.seedId, first.seedId)
  t.same(second.spent, [first.seedId])
  t.same(await old.get('KEY'), second)
  t.match(await old.refresh('KEY'), { seedId: second.seedId }, 'a process with the old seed goes on with the new family')
  t.match(await follower.refresh('KEY'), { seedId: second.seedId })
  t.equal(server.reuses, 0)
  t.equal(server.asked.filter((refresh) => refresh === seed).length, 1)
})

t.test('a function that returns another seed ends it in a process that runs on', async (t) => {
  const server = await startRotatingServer(t)
  const dog = createTestDog(t)
  let seed = server.logIn()
  dog.init('KEY', ...refreshToken({ tokenUrl: server.url, clientId, seed: async () => seed }))
  server.revoke(seed)
  t.match(await rejectionOf(dog.get('KEY')), { message: LOG_IN })
  t.match(await rejectionOf(dog.get('KEY')), { message: LOG_IN })
  t.equal(server.asked.length, 1)
  seed = server.logIn()
  await until(() => dog.get('KEY').catch(() => undefined), { what: 'a value from the new seed' })
  t.equal(server.asked.length, 2)
})

t.test('two dead seeds do not take turns: each is tried once', async (t) => {
  const server = await startRotatingServer(t)
  const store = memoryStore()
  const dogs = ['dead-one', 'dead-other'].map((seed) => {
    const dog = createDog({ store })
    dog.init('KEY', ...refreshToken({ tokenUrl: server.url, clientId, seed }))
    return dog
  })
  t.teardown(() => Promise.all(dogs.map((dog) => dog.close())))
  for (let round = 0; round < 4; round++) {
    for (const dog of dogs) t.match(await rejectionOf(dog.get('KEY')), { message: LOG_IN })
  }
  t.same(server.asked, ['dead-one', 'dead-other'])
})

t.test('a wrong new seed does not end the family that works', async (t) => {
  const server = await startRotatingServer(t)
  const store = memoryStore()
  const [good, wrong] = [createDog({ store }), createDog({ store })]
  t.teardown(() => Promise.all([good.close(), wrong.close()]))
  good.init('KEY', ...refreshToken({ tokenUrl: server.url, clientId, seed: server.logIn() }))
  await good.get('KEY')
  wrong.init('KEY', ...refreshToken({ tokenUrl: server.url, clientId, seed: 'pasted-the-wrong-text' }))
  await wrong.refresh('KEY')
  await wrong.refresh('KEY')
  await good.refresh('KEY')
  t.equal(server.asked.filter((refresh) => refresh === 'pasted-the-wrong-text').length, 1)
  t.equal(server.reuses, 0)
})

t.test(
  'an answer that comes after the time-out is kept, and its refresh token is not sent a second time meanwhile',
  async (t) => {
    const server = await startRotatingServer(t)
    const dog = createTestDog(t)
    const gate = deferred()
    server.beforeAnswer = () => gate.promise
    dog.init('KEY', ...refreshToken({ tokenUrl: server.url, clientId, seed: server.logIn() }, { timeout: 0.2 }))
    t.match(await rejectionOf(dog.get('KEY')), { code: 'ERR_DOG_FETCH_TIMEOUT' })
    t.match(await rejectionOf(dog.refresh('KEY', { force: true })), { code: 'ERR_DOG_FETCH_TIMEOUT' })
    gate.resolve()
    await until(async () => dog.peek('KEY') !== undefined, { what: 'the late answer' })
    t.equal(server.asked.length, 1)
    server.beforeAnswer = undefined
    await dog.refresh('KEY', { force: true })
    t.equal(server.reuses, 0)
  },
)

t.test('errors of the server that say nothing of the refresh token leave it alone', async (t) => {
  let reply: Reply = { status: 503, body: 'busy' }
  const { url } = await serve(t, () => reply)
  const [fetcher] = refreshToken({ tokenUrl: url, clientId, clientSecret: 'S3cret-S3cret', seed: 'S3cret-seed' })
  const fail = () => rejectionOf(fetcher({ signal: new AbortController().signal, previous: undefined } as never))
  t.match(await fail(), { code: 'FETCHER_HTTP', credentialIds: undefined, retryAfter: undefined })
  reply = { status: 401, body: { error: 'invalid_client' } }
  t.match(await fail(), { code: 'FETCHER_REFUSED', upstreamCode: 'invalid_client', retryAfter: 60 })
  reply = { body: { error: 'bad_refresh_token', error_description: 'S3cret-seed is no good' } }
  const login = await fail()
  t.match(login, { code: 'FETCHER_LOGIN', retryAfter: 86_400, message: /\*\*\* is no good\).*log in again/ })
  t.notOk(printedForms(login).includes('S3cret'))
  reply = { body: 'so what' }
  t.match(await fail(), { code: 'FETCHER_ANSWER' })
  reply = { body: { access_token: '' } }
  t.match(await fail(), { code: 'FETCHER_ANSWER', message: /no access_token/ })
})

t.test('a wrong option is a TypeError that shows no secret', async (t) => {
  const good = { tokenUrl: 'https://a.example', clientId, seed: 'S3cret-seed' }
  const wrong: [object, RegExp][] = [
    [{ seed: '' }, /^seed must be/],
    [{ seed: undefined }, /^seed must be/],
    [{ clientSecret: 7 }, /^clientSecret must be/],
    [{ tokenUrl: 'S3cret' }, /^tokenUrl must be/],
    [{ auth: 'none' }, /^auth must be/],
    [{ sead: 'S3cret' }, /did you mean "seed"/],
  ]
  for (const [more, message] of wrong) {
    const error = await rejectionOf((async () => refreshToken({ ...good, ...more } as never))())
    t.type(error, TypeError)
    t.match(error.message, message)
    t.notOk(printedForms(error).includes('S3cret'))
  }
})
