// OAuth 2 client credentials, beyond what holds for every provider.
import t from 'tap'
import { oauth2 } from '../../src/fetchers/index.js'
import { SECRET } from './families.js'
import { createTestDog, errorOfFetcher, printedForms, type Reply, rejectionOf, serve } from './setup.js'

const client = { clientId: 'c1', clientSecret: SECRET }
const good = (more: object = {}): Reply => ({
  body: { access_token: 'a-token', token_type: 'bearer', expires_in: 60, ...more },
})
const run = (registration: ReturnType<typeof oauth2>) => registration[0]({ signal: new AbortController().signal } as never)

t.test('with auth: post the secret is sent in the body, with all parameters', async (t) => {
  const { url, asked } = await serve(t, () => good())
  const parameters = { resource: 'https://api.example.com/' }
  await run(oauth2({ ...client, tokenUrl: url, auth: 'post', scope: 'x', audience: 'api', parameters }))
  t.equal(asked[0]!.headers.authorization, undefined)
  const { client_id, client_secret, ...rest } = asked[0]!.body
  t.same([client_id, client_secret], ['c1', SECRET])
  t.same(rest, { grant_type: 'client_credentials', scope: 'x', audience: 'api', ...parameters })
})

t.test('the lifetime in a response may be a string, or absent', async (t) => {
  let reply = good({ expires_in: '3599' })
  const { url } = await serve(t, () => reply)
  t.same(await run(oauth2({ ...client, tokenUrl: url })), { value: 'a-token', expiresIn: 3599 })
  reply = good({ expires_in: undefined })
  t.same(await run(oauth2({ ...client, tokenUrl: url })), { value: 'a-token', expiresIn: 300 })
  t.same(await run(oauth2({ ...client, tokenUrl: url, expiresIn: 900 })), { value: 'a-token', expiresIn: 900 })
  reply = good({ expires_in: 'soon' })
  t.match(await errorOfFetcher(oauth2({ ...client, tokenUrl: url })[0]), { code: 'FETCHER_ANSWER' })
})

t.test('the token endpoint is read from the metadata of the issuer', async (t) => {
  for (const [discovery, place] of [
    ['oidc', '/.well-known/openid-configuration'],
    ['oauth2', '/.well-known/oauth-authorization-server'],
  ] as const) {
    const server = await serve(
      t,
      ({ path }): Reply =>
        path === place ? { body: { issuer: server.url, token_endpoint: `${server.url}/the/endpoint` } } : good(),
    )
    t.match(await run(oauth2({ ...client, issuer: server.url, discovery })), { value: 'a-token' })
    t.same(
      server.asked.map(({ path }) => path),
      [place, '/the/endpoint'],
    )
    t.notMatch(printedForms(server.asked[0]), 'S3cret', 'the secret is for the token endpoint only')
  }
})

t.test('metadata of another issuer, or without an endpoint, are an error before the secret is sent', async (t) => {
  let reply: Reply = { body: { issuer: 'https://evil.example', token_endpoint: 'https://evil.example/token' } }
  const { url, asked } = await serve(t, () => reply)
  const { 0: fetcher } = oauth2({ ...client, issuer: url })
  t.match(await errorOfFetcher(fetcher), { code: 'FETCHER_ANSWER', message: /another issuer/ })
  reply = { body: { issuer: url } }
  t.match(await errorOfFetcher(fetcher), { code: 'FETCHER_ANSWER', message: /no token endpoint/ })
  reply = { status: 404, body: 'nothing here' }
  t.match(await errorOfFetcher(fetcher), { code: 'FETCHER_HTTP', status: 404, retryAfter: 60 })
  t.notMatch(printedForms(asked), 'S3cret')
})

t.test('an OAuth error is recognised with any status and any content type', async (t) => {
  let reply: Reply
  const { url } = await serve(t, () => reply)
  const { 0: fetcher } = oauth2({ ...client, tokenUrl: url })
  const error = 'temporarily_unavailable'
  reply = { status: 400, body: { error } }
  t.match(await errorOfFetcher(fetcher), { code: 'FETCHER_REFUSED', upstreamCode: error, retryAfter: undefined })
  reply = { status: 200, body: { error: 'invalid_client' } }
  t.match(await errorOfFetcher(fetcher), { code: 'FETCHER_REFUSED', upstreamCode: 'invalid_client', retryAfter: 60 })
  reply = { status: 400, headers: { 'retry-after': '7' }, body: { error: 'invalid_client' } }
  t.match(await errorOfFetcher(fetcher), { retryAfter: 7 })
  reply = { status: 503, body: { error } }
  t.match(await errorOfFetcher(fetcher), { code: 'FETCHER_REFUSED', status: 503 })
  reply = good({ token_type: 'mac' })
  t.match(await errorOfFetcher(fetcher), { code: 'FETCHER_ANSWER', message: /token_type is not bearer/ })
  reply = { status: 400, headers: { 'content-type': 'text/plain' }, body: { error: 'invalid_grant' } }
  t.match(await errorOfFetcher(fetcher), { upstreamCode: 'invalid_grant', retryAfter: 60 }, 'whatever the content type')
  reply = { status: 204, body: '' }
  t.match(await errorOfFetcher(fetcher), { code: 'FETCHER_HTTP', status: 204 })
})

t.test('the identity holds the client, server, scope and audience, and no query', async (t) => {
  const identity = (more: object) => oauth2({ ...client, tokenUrl: 'https://a.example/t?k=v', ...more })[1].identity
  t.equal(identity({}), 'c1@a.example/t')
  t.equal(identity({ scope: ['x', 'y'], audience: 'z' }), 'c1@a.example/t x y z')
})

t.test('the error of a wrong option names the option, and shows no secret', async (t) => {
  const wrong: [object, string][] = [
    [{}, 'tokenUrl or issuer'],
    [{ tokenUrl: 'https://a.example', issuer: 'https://a.example' }, 'tokenUrl or issuer'],
    [{ tokenUrl: 'ftp://a.example' }, 'tokenUrl'],
    [{ tokenUrl: `https://u:${SECRET}@a.example` }, 'tokenUrl'],
    [{ issuer: 'https://a.example?x=1' }, 'issuer'],
    [{ issuer: 'https://a.example', discovery: 'x' }, 'discovery'],
    [{ tokenUrl: 'https://a.example', auth: 'jwt' }, 'auth'],
    [{ tokenUrl: 'https://a.example', scope: [] }, 'scope'],
    [{ tokenUrl: 'https://a.example', expiresIn: 0 }, 'expiresIn'],
    [{ tokenUrl: 'https://a.example', clientId: '' }, 'clientId'],
    [{ tokenUrl: 'https://a.example', clientSecret: ' ' }, 'clientSecret'],
  ]
  for (const [more, name] of wrong) {
    const error = await rejectionOf((async () => oauth2({ ...client, ...more }))())
    t.type(error, TypeError, name)
    t.match(error.message, name)
    t.notOk(printedForms(error).includes('S3cret'))
  }
})

t.test('thirty reports of one dead token cause one fetch', async (t) => {
  let made = 0
  const { url } = await serve(t, () => good({ access_token: `token-${++made}`, expires_in: 3600 }))
  const dog = createTestDog(t)
  dog.init('KEY', ...oauth2({ ...client, tokenUrl: url }))
  await dog.set('KEY', 'token-that-died', { expiresIn: 3600 })
  const call = () =>
    dog.use('KEY', async (token) => {
      if (token === 'token-that-died') throw { status: 401 }
      return token
    })
  t.same(new Set(await Promise.all(Array.from({ length: 30 }, call))), new Set(['token-1']))
  t.equal(made, 1)
})
