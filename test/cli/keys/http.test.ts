// Keys that an HTTP request fetches, also with other keys in the request.
import t from 'tap'
import { printedForms, type Reply, rejectionOf, serve } from '../../fetchers/setup.js'
import { configure } from './setup.js'

t.test('the value and its lifetime are where the pointers say', async (t) => {
  const { url, asked } = await serve(t, ({ path }): Reply => {
    if (path === '/text') return { body: '  plain-token \n' }
    return { body: { data: { token: 't-1', ttl: '60', 'a/b~c': { until: '2999-01-01T00:00:00Z' } } } }
  })
  const { dog } = await configure(
    t,
    {
      DATA: { http: { url, headers: { 'X-Token': { env: 'S' } }, value: '/data/token', expiresIn: '/data/ttl' } },
      UNTIL: {
        http: { url: `${url}/x?a=b`, method: 'PUT', body: '"text"', value: '/data/token', expiresAt: '/data/a~1b~0c/until' },
      },
      TEXT: { http: { url: `${url}/text`, expiresIn: 30 } },
      JSON: { http: { url, body: { secret: { env: 'S' }, n: [1, 'x'] }, value: '/data/token' }, expiresIn: 5 },
      FORM: {
        http: {
          url: [url, '/', { env: 'S' }],
          headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
          body: { secret: { env: 'S' } },
          value: '/data/token',
          expiresIn: 5,
        },
      },
    },
    { env: { S: 'S3cret &/?' } },
  )
  t.equal(await dog.get('DATA'), 't-1')
  t.match(asked[0], { method: 'GET', headers: { 'x-token': 'S3cret &/?' } })
  t.equal((await dog.read('UNTIL')).expiresAt, Date.UTC(2999, 0, 1))
  t.match(asked[1], { method: 'PUT', text: '"text"', query: { a: 'b' } })
  t.equal(await dog.get('TEXT'), 'plain-token')
  await dog.get('JSON')
  t.same(asked[3]!.body, { secret: 'S3cret &/?', n: [1, 'x'] })
  t.equal(asked[3]!.method, 'POST')
  await dog.get('FORM')
  t.same(asked[4]!.body, { secret: 'S3cret &/?' })
  t.equal(asked[4]!.path, '/S3cret%20%26%2F%3F')
})

t.test('a key in the request of another is replaced once if the upstream says that it is dead', async (t) => {
  let tokens = 0
  let alive = 'token-1'
  const { url, asked } = await serve(t, ({ path, headers }): Reply => {
    if (path === '/token') return { body: { value: { access: `token-${++tokens}` }, ttl: 600 } }
    const isGood = headers.authorization === `Bearer ${alive}`
    return isGood
      ? { body: { value: `for ${alive}`, ttl: 600 } }
      : { status: 401, body: { error: 'no', echo: headers.authorization } }
  })
  const pointers = { value: '/value', expiresIn: '/ttl' }
  const { dog } = await configure(t, {
    INNER: { http: { url: `${url}/token`, ...pointers } },
    OUTER: {
      http: { url: `${url}/outer`, headers: { Authorization: ['Bearer ', { key: 'INNER', field: '/access' }] }, ...pointers },
    },
  })
  t.equal(await dog.get('OUTER'), 'for token-1')
  alive = 'token-2'
  t.equal(await dog.refresh('OUTER'), 'for token-2')
  t.equal(tokens, 2)
  alive = 'no token ever'
  const error = await rejectionOf(dog.refresh('OUTER'))
  t.match(error, { code: 'ERR_DOG_FETCH', message: /HTTP status 401|rejected right after its fetch/ })
  t.notMatch(printedForms(error), /token-\d/)
  t.ok(tokens <= 3)
  t.ok(asked.length < 12)
})

t.test('an answer without what the pointers name is an error that shows nothing of it', async (t) => {
  let reply: Reply = { body: {} }
  const { url } = await serve(t, () => reply)
  const { dog } = await configure(t, { KEY: { http: { url, value: '/v', expiresIn: '/ttl' } } })
  const fail = async () => {
    const error = await rejectionOf(dog.refresh('KEY', { force: true }))
    t.notMatch(printedForms(error), 'S3cret')
    return error.message
  }
  t.match(await fail(), /no value at \/v/)
  reply = { body: 'S3cret' }
  t.match(await fail(), /not valid JSON/)
  reply = { body: { v: 'S3cret-token' } }
  t.match(await fail(), /no lifetime/)
  reply = { body: undefined }
  t.match(await fail(), /the connection failed/)
  reply = { status: 302, headers: { location: 'https://evil.example/?S3cret' }, body: {} }
  t.match(await fail(), /HTTP status 302/)
})

t.test('keys that wait for each other in a circle are an error', async (t) => {
  const http = (key: string) => ({ http: { url: 'http://127.0.0.1:1/', headers: { x: { key } }, expiresIn: 1 } })
  const { dog } = await configure(t, { A: http('B'), B: http('A') })
  t.match(await rejectionOf(dog.get('A')), { code: 'ERR_DOG_CYCLE' })
})
