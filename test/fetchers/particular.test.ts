// What holds for one provider only.
import { verify } from 'node:crypto'
import t from 'tap'
import { dingtalk, douyin, entra, feishu, githubApp, google, oauth2, qqBot, wecom } from '../../src/fetchers/index.js'
import { pem, privateKey, publicKey, SECRET } from './families.js'
import { createTestDog, errorOfFetcher, printedForms, rejectionOf, serve } from './setup.js'

const parts = (jwt: string) => {
  const [head, claims, signature] = jwt.split('.') as [string, string, string]
  const read = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString())
  const isSigned = verify('sha256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))
  return { head: read(head), claims: read(claims), isSigned }
}

t.test('the JWT of githubApp is signed, backdated by a minute, and valid for ten minutes at most', async (t) => {
  const { url, asked } = await serve(t, () => ({ status: 201, body: { token: 'ghs_1', expires_at: '2999-01-01T00:00:00Z' } }))
  for (const key of [pem, pem.replaceAll('\n', '\\n'), privateKey]) {
    const [fetcher] = githubApp({ appId: 'Iv1.x', privateKey: key, installationId: 34, baseUrl: url })
    const result = await fetcher({ signal: new AbortController().signal } as never)
    t.same(result, { value: 'ghs_1', expiresAt: '2999-01-01T00:00:00Z' })
    const { head, claims, isSigned } = parts(asked.at(-1)!.headers.authorization!.slice(7))
    const now = Date.now() / 1000
    t.ok(isSigned)
    t.match(head, { alg: 'RS256', typ: 'JWT' })
    t.equal(claims.iss, 'Iv1.x')
    t.ok(claims.iat <= now - 59 && claims.iat > now - 90)
    t.ok(claims.exp > now + 500 && claims.exp - claims.iat <= 600)
  }
})

t.test('the JWT of google names its scope, audience, subject and key', async (t) => {
  const { url, asked } = await serve(t, () => ({ body: { access_token: 'ya29.x', token_type: 'Bearer', expires_in: 3599 } }))
  const credentials = { client_email: 'x@y.example', private_key: pem, private_key_id: 'k1', type: 'service_account' }
  const [fetcher] = google({ credentials, scope: ['a', 'b'], subject: 'u@y.example', baseUrl: url })
  t.same(await fetcher({ signal: new AbortController().signal } as never), { value: 'ya29.x', expiresIn: 3599 })
  const { head, claims, isSigned } = parts(String(asked[0]!.body.assertion))
  t.ok(isSigned)
  t.equal(head.kid, 'k1')
  t.match(claims, { iss: 'x@y.example', sub: 'u@y.example', scope: 'a b', aud: 'https://oauth2.googleapis.com/token' })
  t.ok(claims.exp - claims.iat <= 3600)
  t.same(Object.keys(asked[0]!.body).sort(), ['assertion', 'grant_type'])
})

t.test('dingtalk recognises the dead-token codes of both DingTalk APIs', async (t) => {
  const { isRejected } = dingtalk({ appKey: 'd', appSecret: 's' })[1]
  t.ok(isRejected!({ errcode: 88, sub_code: '40014' }))
  t.ok(isRejected!({ errcode: 40014 }))
  t.notOk(isRejected!({ errcode: 88, sub_code: '15' }))
  t.notOk(isRejected!({ code: 'Forbidden.AccessDenied' }))
})

t.test('wecom recognises a dead token in the errors of other clients, and 40001 is a wrong secret', async (t) => {
  const { isRejected } = wecom({ corpId: 'w', corpSecret: SECRET, agentId: 1 })[1]
  t.ok(isRejected!({ errcode: '42001' }))
  t.ok(isRejected!(Object.assign(new Error('expired'), { name: 'WeChatAPIError', code: 42001 })))
  t.ok(isRejected!({ response: { data: '{"errcode":40014}' } }))
  t.notOk(isRejected!({ errcode: 40001 }))
  t.notOk(isRejected!(Object.assign(new Error('a conflict'), { code: '42001' })))
})

t.test('douyin with stable uses another path and another identity than without it', async (t) => {
  const { url, asked } = await serve(t, () => ({ body: { data: { access_token: 'clt.1', expires_in: 60, error_code: 0 } } }))
  const stable = douyin({ clientKey: 'tt1', clientSecret: SECRET, stable: true, baseUrl: url })
  await stable[0]({ signal: new AbortController().signal } as never)
  t.equal(asked[0]!.path, '/oauth/stable_client_token/')
  t.not(stable[1].identity, douyin({ clientKey: 'tt1', clientSecret: SECRET })[1].identity)
})

t.test('a quota, a ban and the header Retry-After set the retryAfter of the error', async (t) => {
  let reply: Parameters<typeof serve>[1] = () => ({ body: {} })
  const { url } = await serve(t, (asked) => reply(asked))
  const waits = async (fetcher: unknown) => (await errorOfFetcher(fetcher)).retryAfter
  const [weCom] = wecom({ corpId: 'w', corpSecret: SECRET, agentId: 1, baseUrl: url })
  const [douYin] = douyin({ clientKey: 't', clientSecret: SECRET, baseUrl: url })
  reply = () => ({ body: { errcode: 45009, errmsg: 'api freq out of limit' } })
  t.equal(await waits(weCom), 3600)
  reply = () => ({ body: { errcode: -1, errmsg: 'busy' } })
  t.equal(await waits(weCom), undefined, 'a busy system is under the usual back-off')
  reply = () => ({ body: { data: { error_code: 10020, description: 'too many' } } })
  t.equal(await waits(douYin), 300)
  reply = () => ({ status: 429, headers: { 'retry-after': '17' }, body: 'slow down' })
  t.equal(await waits(weCom), 17)
  reply = () => ({ status: 503, headers: { 'retry-after': new Date(Date.now() + 90_000).toUTCString() }, body: '' })
  const seconds = Number(await waits(weCom))
  t.ok(seconds > 60 && seconds <= 91, String(seconds))
  reply = () => ({ status: 503, headers: { 'retry-after': '-5' }, body: '' })
  t.equal(await waits(weCom), undefined)
})

t.test('a request that takes longer than the time-out of its key is aborted', async (t) => {
  const controller = new AbortController()
  const { url, asked } = await serve(t, () => {
    controller.abort(new DOMException('late', 'TimeoutError'))
    return { body: undefined }
  })
  const [fetcher] = wecom({ corpId: 'w', corpSecret: SECRET, agentId: 1, baseUrl: url })
  t.match(await errorOfFetcher(fetcher, controller.signal), { code: 'FETCHER_TIMEOUT' })
  t.match(await errorOfFetcher(fetcher, AbortSignal.abort()), { code: 'FETCHER_ABORTED' })
  t.equal(asked.length, 1)
})

t.test('a response without an expiry is an error if the provider always sends one', async (t) => {
  const { url } = await serve(t, () => ({ body: { access_token: 'a-token', errcode: 0 } }))
  const error = await errorOfFetcher(wecom({ corpId: 'w', corpSecret: SECRET, agentId: 1, baseUrl: url })[0])
  t.match(error, { code: 'FETCHER_ANSWER' })
  t.notMatch(printedForms(error), 'a-token')
})

t.test('a response of more than a million bytes is an error', async (t) => {
  const { url } = await serve(t, () => ({ body: 'x'.repeat(1_200_000) }))
  t.match(await errorOfFetcher(wecom({ corpId: 'w', corpSecret: SECRET, agentId: 1, baseUrl: url })[0]), {
    code: 'FETCHER_ANSWER',
  })
})

t.test('one key cannot hold the tokens of two apps of a company', async (t) => {
  const { url } = await serve(t, () => ({ body: { access_token: 'a-token', expires_in: 7200, errcode: 0 } }))
  const app = (agentId: number) => wecom({ corpId: 'w', corpSecret: SECRET, agentId, baseUrl: url })
  const dog = createTestDog(t)
  dog.init('KEY', ...app(1))
  t.throws(() => dog.init('KEY', ...app(2)), TypeError)
})

t.test('the options of the user override those of the provider', async (t) => {
  const isRejected = () => true
  const [, options] = qqBot({ appId: '1', clientSecret: SECRET }, { refreshAhead: 5, timeout: 3, isRejected })
  t.match(options, { identity: 'qq-bot:1', refreshAhead: 5, timeout: 3 })
  t.equal(options.isRejected, isRejected)
})

t.test('feishu with lark has the identity of Lark', async (t) => {
  t.equal(feishu({ appId: 'a', appSecret: SECRET, lark: true })[1].identity, 'lark:a')
})

t.test('the error of a wrong option names the option, and shows no secret', async (t) => {
  const wrong: [() => unknown, string][] = [
    [() => wecom(undefined as never), 'wecom'],
    [() => wecom({ corpId: '', corpSecret: SECRET, agentId: 1 }), 'corpId'],
    [() => wecom({ corpId: 'w', corpSecret: SECRET } as never), 'agentId'],
    [() => wecom({ corpId: 'w', corpSecret: 5 as never, agentId: 1 }), 'corpSecret'],
    [() => wecom({ corpId: 'w', corpSecret: SECRET, agentId: 1, baseUrl: `https://u:${SECRET}@x/` }), 'baseUrl'],
    [() => feishu({ appId: 'a', appSecret: SECRET, lark: 'yes' as never }), 'lark'],
    [() => douyin({ clientKey: 'a', clientSecret: SECRET, stable: 1 as never }), 'stable'],
    [() => qqBot({ appId: 101 as never, clientSecret: SECRET }), 'appId'],
    [() => githubApp({ appId: 1, privateKey: SECRET, installationId: 2 }), 'privateKey'],
    [() => githubApp({ appId: 1, privateKey: publicKey, installationId: 2 }), 'privateKey'],
    [() => google({ credentials: { client_email: 'a', private_key: SECRET }, scope: 's' }), 'private_key'],
    [() => google({ credentials: { client_email: 'a', private_key: pem }, scope: '' }), 'scope'],
    [() => entra({ tenant: 't', clientId: 'c', clientSecret: SECRET, scope: 'User.Read' }), 'scope'],
  ]
  for (const [call, name] of wrong) {
    const error = await rejectionOf((async () => call())())
    t.type(error, TypeError, name)
    t.match(error.message, name)
    t.notOk(printedForms(error).includes('S3cret'))
  }
})

t.test('an unknown option of a fetcher is refused, with the nearest name that exists', async (t) => {
  const [appSecret, clientSecret] = [SECRET, SECRET]
  const unknown: [() => unknown, string][] = [
    [() => wecom({ corpId: 'w', corpSecret: SECRET, agentID: 1 } as never), 'of wecom; did you mean "agentId"?'],
    [() => feishu({ appId: 'a', appSecret, larc: true } as never), 'of feishu; did you mean "lark"?'],
    [() => dingtalk({ appKey: 'd', appSecret, baseURL: 'x' } as never), 'of dingtalk; did you mean "baseUrl"?'],
    [() => douyin({ clientKey: 'k', clientSecret, stabel: true } as never), 'of douyin; did you mean "stable"?'],
    [() => qqBot({ appId: '1', clientSecrets: SECRET } as never), 'of qqBot; did you mean "clientSecret"?'],
    [() => githubApp({ appid: 1, privateKey: pem, installationId: 2 } as never), 'of githubApp; did you mean "appId"?'],
    [() => google({ credential: {}, scope: 's' } as never), 'of google; did you mean "credentials"?'],
    [() => oauth2({ tokenURL: 'https://x/', clientId: 'c', clientSecret } as never), 'of oauth2; did you mean "tokenUrl"?'],
    [
      () => entra({ tenent: 't', clientId: 'c', clientSecret, scope: 'x/.default' } as never),
      'of entra; did you mean "tenant"?',
    ],
  ]
  for (const [call, message] of unknown) {
    const error = await rejectionOf((async () => call())())
    t.type(error, TypeError, message)
    t.ok(error.message.startsWith('unknown option "') && error.message.endsWith(message), error.message)
    t.notOk(printedForms(error).includes('S3cret'))
  }
})
