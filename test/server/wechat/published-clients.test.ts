// Published clients that know only this server as their host: they get a token, use it, and survive
// its death.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type ClientOptions, startClient } from './client.js'
import { ask, query, type SetUp, setUp, signJsapi } from './setup.js'

const page = 'https://example.com/shop?item=42&name=中文#top'

interface Signature {
  appId: string
  timestamp: string
  nonceStr: string
  signature: string
}

async function withServer(t: Test, parts?: SetUp) {
  const all = await setUp(t, parts)
  const { url: host, appId, wx, fake } = all
  /** Returns whether WeChat would accept the signature of the page. */
  async function isGood({ appId: whose, timestamp, nonceStr, signature }: Signature): Promise<boolean> {
    const ticket = await wx.jsapiTicket.get()
    const right = signJsapi({ ticket, url: page, nonceStr, timestamp: Number(timestamp) })
    return whose === appId && signature === right.signature && fake.acceptsTicket(ticket)
  }
  const start = (kind: ClientOptions['kind'], secret: string, file?: string) =>
    startClient(t, { kind, appId, secret, host }, file)
  return { ...all, isGood, start }
}

t.test('co-wechat-api: all its calls work through the server, also after its token died', async (t) => {
  const { fake, start, add, appId, isGood, probes } = await withServer(t)
  const api = await start('co-wechat-api', add('shop', { mayProxy: true }))
  t.match(await api.call('getUser', 'o1'), { subscribe: 1, openid: 'o1' })
  t.match(await api.call('sendText', 'o1', '中文 "quoted"'), { errcode: 0 })
  t.match(await api.call('getIp'), { ip_list: ['127.0.0.1', '127.0.0.2', '127.0.1.0/25'] })
  const config = await api.call<Signature>('getJsConfig', { url: page.split('#')[0], jsApiList: [] })
  t.equal(config.appId, appId, 'the real appId, which wx.config needs')
  t.ok(await isGood(config))
  t.match(fake.count, { token: 1, ticket: 1, rejected: 0 })

  fake.killToken()
  t.match(await api.call('getUser', 'o2'), { openid: 'o2' })
  t.match(await api.call('sendText', 'o2', 'x'), { errcode: 0 })
  t.ok(await isGood(await api.call('getJsConfig', { url: page.split('#')[0], jsApiList: [] })))
  t.match(fake.count, { token: 2, ticket: 1 })
  t.same(probes().at(-1), 0)
})

t.test('co-wechat-api: a call too long to be repeated comes back as 40001, and the client retries it by itself', async (t) => {
  const { fake, start, add } = await withServer(t)
  const api = await start('co-wechat-api', add('shop', { mayProxy: true }))
  await api.call('getUser', 'o1')
  fake.killToken()
  t.match(await api.call('sendText', 'o1', 'x'.repeat(100_000)), { errcode: 0 })
  t.match(fake.count, { token: 2 })
})

t.test('co-wechat-api: its calls survive the death of a stable token', async (t) => {
  const { fake, start, add, appId } = await withServer(t, { stable: true })
  const api = await start('co-wechat-api', add('shop', { mayProxy: true }))
  await api.call('getUser', 'o1')
  fake.killToken(appId, 'stable')
  t.match(await api.call('getUser', 'o2'), { openid: 'o2' })
  t.match(fake.count, { token: 0, forced: 1 })
})

t.test('co-wechat-api: six processes of three clients lose their token at once, which causes one fetch', async (t) => {
  const { fake, start, add, probes } = await withServer(t)
  const secrets = ['a', 'b', 'c'].map((name) => add(name, { mayProxy: true }))
  const apis = await Promise.all([...secrets, ...secrets].map((secret) => start('co-wechat-api', secret)))
  await Promise.all(apis.map((api) => api.call('getUser', 'o1')))
  fake.killToken()
  const before = probes().length
  const users = await Promise.all(apis.flatMap((api) => ['o1', 'o2', 'o3'].map((openid) => api.call('getUser', openid))))
  t.same(
    users.map(({ openid }) => openid),
    apis.flatMap(() => ['o1', 'o2', 'o3']),
  )
  t.match(fake.count, { token: 2 })
  t.same(probes().slice(before), [40001, 0])
})

t.test('co-wechat-api: a client without the right to proxy gets its token, and 48001 for every call', async (t) => {
  const { fake, start, add } = await withServer(t)
  const api = await start('co-wechat-api', add('shop'))
  t.match(await api.call('getAccessToken'), { accessToken: fake.currentToken() })
  await t.rejects(api.call('getUser', 'o1'), {
    code: 48001,
    message: /api unauthorized: calls through this server need `"proxy": true`/,
  })
  const wrong = await start('co-wechat-api', 'wrong')
  await t.rejects(wrong.call('getUser', 'o1'), { code: 40125, message: /invalid appsecret/ })
  t.match(fake.count, { token: 1, call: 0 })
})

t.test(
  'wechat-jssdk: token and ticket come from the server, and a dead token is replaced when the client asks again',
  async (t) => {
    const { fake, start, add, isGood, probes } = await withServer(t)
    const jssdk = await start('wechat-jssdk', add('pages'), join(t.testdir(), 'wechat-info.json'))
    t.ok(await isGood(await jssdk.call('getSignature', page)))
    const { accessToken } = await jssdk.call<{ accessToken: string }>('prepareGlobalToken')
    // The client's own calls go to the platform directly.
    const call = async (access_token: string) =>
      (await ask(fake.url, `/cgi-bin/user/info${query({ access_token, openid: 'o1' })}`)).json
    t.match(await call(accessToken), { openid: 'o1' })
    t.match(fake.count, { token: 1, ticket: 1 })

    fake.killToken()
    t.match(await call(accessToken), { errcode: 40001 })
    const renewed = await jssdk.call<{ accessToken: string }>('getGlobalTokenAndTicket', true)
    t.equal(renewed.accessToken, fake.currentToken())
    t.match(await call(renewed.accessToken), { openid: 'o1' })
    t.ok(await isGood(await jssdk.call('createSignature', page)))
    t.same(probes(), [40001, 0])
    t.match(fake.count, { token: 2, ticket: 1 })
  },
)

t.test('wechat-jssdk: the client still gets the ticket that it signs with after its token died', async (t) => {
  const { fake, start, add, isGood } = await withServer(t)
  const jssdk = await start('wechat-jssdk', add('pages'), join(t.testdir(), 'wechat-info.json'))
  await jssdk.call('getAccessToken')
  fake.killToken()
  t.ok(await isGood(await jssdk.call('getSignature', page)))
  t.match(fake.count, { token: 2, ticket: 1 })
})
