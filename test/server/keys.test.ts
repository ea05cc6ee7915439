import t from 'tap'
import { createDog, memoryStore, newClient, served } from './setup.js'

t.test('A value comes with its key, expiry and generation, an ETag, and the server’s time', async (t) => {
  const { ask, dog } = await served(t)
  const reply = await ask('/v1/keys/TOKEN')
  const { generation, expiresAt } = dog.peek('TOKEN')!
  t.equal(reply.status, 200)
  t.strictSame(reply.json, { key: 'TOKEN', value: 'secret-1-of-the-upstream', expiresAt, generation })
  t.equal(reply.headers['content-type'], 'application/json')
  t.equal(reply.headers['cache-control'], 'no-store')
  t.equal(reply.headers.etag, `"${generation}"`)
  t.ok(Math.abs(Number(reply.headers['dotdog-time']) - Date.now()) < 10_000)
})

t.test('If-None-Match with the current ETag is answered by 304 without the value', async (t) => {
  const { ask } = await served(t)
  const { etag } = (await ask('/v1/keys/TOKEN')).headers
  for (const match of [etag!, `W/${etag}`, `"1", ${etag}`, '*']) {
    const reply = await ask('/v1/keys/TOKEN', { headers: { 'if-none-match': match } })
    t.equal(reply.status, 304, match)
    t.equal(reply.text, '')
    t.equal(reply.headers.etag, etag)
  }
  t.equal((await ask('/v1/keys/TOKEN', { headers: { 'if-none-match': '"1"' } })).status, 200)
})

t.test('HEAD works where GET does; another method gets 405 with the allowed ones', async (t) => {
  const { ask } = await served(t)
  for (const path of ['/v1/keys', '/v1/keys/TOKEN', '/healthz', '/metrics', '/v1/events']) {
    const reply = await ask(path, { method: 'HEAD' })
    t.equal(reply.status, 200, path)
    t.equal(reply.text, '')
  }
  const reply = await ask('/v1/keys/TOKEN', { method: 'DELETE' })
  t.equal(reply.status, 405)
  t.equal(reply.headers.allow, 'GET, HEAD')
  t.equal((await ask('/v1/keys/TOKEN/refresh')).headers.allow, 'POST')
})

t.test('Paths are matched exactly as they were sent, without normalisation', async (t) => {
  const { ask, dog } = await served(t)
  dog.init('a/b ü', async () => ({ value: 'of-an-odd-name', expiresIn: 60 }))
  t.equal((await ask('/v1/keys/a%2Fb%20%C3%BC')).json.value, 'of-an-odd-name')
  for (const path of [
    '/x/../v1/keys/TOKEN',
    '//v1/keys/TOKEN',
    '/v1/keys/TOKEN/',
    '/v1/./keys/TOKEN',
    '/V1/keys/TOKEN',
    '/%76%31/keys/TOKEN',
  ]) {
    t.equal((await ask(path)).status, 404, path)
  }
  for (const path of ['/v1/keys/%', '/v1/keys/%ff', '/v1/keys/%C3%28', '/v1/keys/a#b']) {
    t.equal((await ask(path)).status, 400, path)
  }
})

t.test('GET /v1/keys lists the keys that the client may read, without values and folders', async (t) => {
  const some = newClient('some', { keys: ['WX_*', 'OTHER'] })
  const { ask, dog } = await served(t, { clients: [some.config] })
  for (const key of ['WX_A', 'OTHER', 'OTHERS']) dog.init(key, async () => ({ value: `secret-of-${key}`, expiresIn: 60 }))
  await dog.get('WX_A')
  const { json, text } = await ask('/v1/keys', some)
  const keys = json.keys as { key: string; state: string }[]
  t.strictSame(
    keys.map(({ key, state }) => [key, state]),
    [
      ['OTHER', 'missing'],
      ['WX_A', 'fresh'],
    ],
  )
  t.notMatch(text, /secret-of|"dir"/)
})

t.test(
  'A key that the client may not read is 403 whether it exists or not; a readable key that does not exist is 404',
  async (t) => {
    const narrow = newClient('narrow', { keys: ['MINE_*'] })
    const { ask } = await served(t, { clients: [narrow.config] })
    const [there, nowhere] = await Promise.all([ask('/v1/keys/TOKEN', narrow), ask('/v1/keys/NOWHERE', narrow)])
    t.equal(there.status, 403)
    t.strictSame([nowhere.status, nowhere.text], [there.status, there.text])
    const missing = await ask('/v1/keys/MINE_TOO', narrow)
    t.equal(missing.status, 404)
    t.equal(missing.headers['content-type'], 'application/problem+json')
    t.match(missing.json, { type: /^urn:/, title: 'Not Found', status: 404, detail: String, code: 'unknown_key' })
    t.equal((await ask(`/v1/keys/MINE_${'x'.repeat(200)}`, narrow)).status, 404)
  },
)

t.test('Requests for unknown keys leave no trace in the dog', async (t) => {
  const { ask, dog } = await served(t)
  await Promise.all(Array.from({ length: 100 }, (_, index) => ask(`/v1/keys/NOBODY_${index}`)))
  t.strictSame(
    (await dog.status()).map(({ key }) => key),
    ['TOKEN'],
  )
})

t.test('200 reports of the same rejected value on 50 connections cause one fetch', async (t) => {
  const { ask, upstream } = await served(t)
  const before = await ask('/v1/keys/TOKEN')
  upstream.delay = 50
  const http = await import('node:http')
  const agent = new http.Agent({ keepAlive: true, maxSockets: 50 })
  t.teardown(() => agent.destroy())
  const body = JSON.stringify({ rejected: before.json.value })
  const replies = await Promise.all(
    Array.from({ length: 200 }, () => ask('/v1/keys/TOKEN/refresh', { method: 'POST', body, agent })),
  )
  t.equal(upstream.count, 2)
  t.ok(replies.every(({ status, json }) => status === 200 && json.value === 'secret-2-of-the-upstream'))
  t.equal(new Set(replies.map(({ text }) => text)).size, 1)
  // A late report: the value was replaced already.
  t.equal((await ask('/v1/keys/TOKEN/refresh', { method: 'POST', body })).json.value, 'secret-2-of-the-upstream')
  t.equal(upstream.count, 2)
  t.equal(
    (await ask('/v1/keys/TOKEN/refresh', { method: 'POST', body: '{"force":true}' })).json.value,
    'secret-3-of-the-upstream',
  )
})

t.test('A refresh needs the right to refresh and a well-formed body', async (t) => {
  const reader = newClient('reader', { refresh: false })
  const writer = newClient('writer')
  const { ask, upstream } = await served(t, { clients: [reader.config, writer.config] })
  const post = { method: 'POST', token: writer.token }
  t.equal((await ask('/v1/keys/TOKEN/refresh', { ...reader, method: 'POST' })).status, 403)
  for (const body of [
    '{',
    '[]',
    '"x"',
    'null',
    '{"rejected":1,"other":2}',
    '{"force":1}',
    `{"rejected":${'['.repeat(9000)}${']'.repeat(9000)}}`,
    '{"rejected":1e999}',
  ]) {
    t.equal((await ask('/v1/keys/TOKEN/refresh', { ...post, body })).status, 400, body.slice(0, 40))
  }
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  t.equal((await ask('/v1/keys/TOKEN/refresh', { ...post, body: '{}', headers: type })).status, 415)
  t.equal((await ask('/v1/keys/NOWHERE/refresh', { ...post, body: '{}' })).status, 404)
  const large = JSON.stringify({ rejected: 'x'.repeat(1_048_576) })
  t.equal((await ask('/v1/keys/TOKEN/refresh', { ...post, body: large })).status, 413)
  t.equal(upstream.count, 0)
})

t.test('A failing upstream gives 503 with Retry-After and a redacted reason', async (t) => {
  const { ask, upstream } = await served(t)
  upstream.fail = Object.assign(new Error('https://api.example/token?secret=do-not-tell refused'), { retryAfter: 30 })
  const reply = await ask('/v1/keys/TOKEN')
  t.equal(reply.status, 503)
  t.match(reply.json, { code: 'ERR_DOG_FETCH', status: 503, title: 'Service Unavailable', detail: /refused/, retryAt: Number })
  t.ok(Number(reply.headers['retry-after']) >= 1)
  t.notMatch(reply.text, /do-not-tell/)
})

t.test('A value that expired before its fetch ended is answered once, with its generation', async (t) => {
  const { ask, upstream } = await served(t)
  upstream.expiresIn = 0
  const first = (await ask('/v1/keys/TOKEN')).json
  const second = (await ask('/v1/keys/TOKEN')).json
  t.equal(upstream.count, 2)
  t.strictSame([first.value, second.value], ['secret-1-of-the-upstream', 'secret-2-of-the-upstream'])
  t.ok((second.generation as number) > (first.generation as number))
  t.ok((second.expiresAt as number) <= Date.now())
})

t.test('Values of every JSON type, also after a change, arrive unchanged', async (t) => {
  const { ask, dog } = await served(t, { dog: createDog({ store: memoryStore() }) })
  for (const value of [{ a: [1, null, 'ü'] }, 'a"b\\', 7, false, ['x'.repeat(699_000)]]) {
    await dog.set('TOKEN', value as string, { expiresIn: 60 })
    t.strictSame((await ask('/v1/keys/TOKEN')).json.value, value)
    t.strictSame((await ask('/v1/keys/TOKEN')).json.value, value, 'from memory')
  }
})

t.test('A refresh with "after" accepts only a generation, and fetches only if the client knows the current one', async (t) => {
  const some = newClient('some')
  const it = await served(t, { clients: [some.config] })
  const { generation } = (await it.ask('/v1/keys/TOKEN', some)).json as { generation: number }
  const report = (body: unknown) => it.ask('/v1/keys/TOKEN/refresh', { ...some, method: 'POST', body: JSON.stringify(body) })
  for (const after of [-1, 1.5, '1', null, {}]) t.equal((await report({ after })).status, 400)
  const older = await report({ after: generation - 1 })
  t.equal(older.json.generation, generation, 'a client with an older generation gets the current value')
  t.equal(it.upstream.count, 1)
  const [one, other] = await Promise.all([report({ after: generation }), report({ after: generation })])
  t.equal(one.json.value, other.json.value)
  t.equal(it.upstream.count, 2)
})
