import { inspect } from 'node:util'
import t from 'tap'
import { createDog, memoryStore, PAGE_URL, rejectionOf, setUp, signJsapi, wechat } from './setup.js'

t.test('registering an account fetches nothing', async (t) => {
  const { fake, wx } = await setUp(t)
  t.equal(wx.accessToken.key, 'ACCESS_TOKEN')
  t.equal(wx.jsapiTicket.key, 'JSAPI_TICKET')
  t.match(fake.count, { token: 0, ticket: 0 })
})

t.test('a signature needs one token and one ticket, and is correct', async (t) => {
  const { fake, wx } = await setUp(t)
  const config = await wx.signUrl(`${PAGE_URL}#/top`)
  const { appId, nonceStr, timestamp, url, signature } = config
  t.strictSame(Object.keys(config).sort(), ['appId', 'nonceStr', 'signature', 'timestamp', 'url'])
  t.equal(appId, fake.appId)
  t.equal(url, PAGE_URL)
  t.equal(signature, signJsapi({ ticket: await wx.jsapiTicket.get(), url: PAGE_URL, nonceStr, timestamp }).signature)
  t.match(fake.count, { token: 1, ticket: 1, rejected: 0 })
})

t.test('a ticket is kept for an hour at most, and a token for as long as the platform says', async (t) => {
  const { wx } = await setUp(t)
  const before = Date.now()
  await wx.signUrl(PAGE_URL)
  const left = (secret: typeof wx.accessToken) => (secret.peek()!.expiresAt - before) / 1000
  t.ok(Math.abs(left(wx.jsapiTicket) - 3600) < 30, String(left(wx.jsapiTicket)))
  t.ok(Math.abs(left(wx.accessToken) - 7200) < 30, String(left(wx.accessToken)))
})

t.test('a wrong URL, path or query is refused before anything is fetched', async (t) => {
  const { fake, wx } = await setUp(t)
  await t.rejects(wx.signUrl('/shop'), { name: 'TypeError', message: /^url must/ })
  await t.rejects(wx.signUrl(undefined as never), TypeError)
  await t.rejects(wx.call('https://evil.example/'), TypeError)
  await t.rejects(wx.call('/x', { query: { access_token: 'mine' } }), TypeError)
  t.equal(fake.count.token, 0)
})

t.test('a call carries the token, and returns the response unchanged', async (t) => {
  const { fake, wx } = await setUp(t)
  t.match(await wx.call('/cgi-bin/getcallbackip'), { ip_list: ['127.0.0.1', '127.0.0.2'] })
  t.match(await wx.call<{ openid: string }>('/cgi-bin/user/info', { query: { openid: 'o1' } }), { openid: 'o1' })
  t.match(await wx.call('/cgi-bin/message/custom/send', { body: { touser: 'o1' } }), { errcode: 0, errmsg: 'ok' })
  t.match(fake.count, { token: 1, call: 3 })
})

t.test('a dead token is replaced once, and the call succeeds', async (t) => {
  const { fake, wx } = await setUp(t)
  await wx.call('/cgi-bin/getcallbackip')
  fake.killToken()
  t.match(await wx.call('/cgi-bin/getcallbackip'), { ip_list: [/./, /./] })
  t.match(fake.count, { token: 2, call: 3, rejected: 1 })
})

for (const code of [40001, 40014, 42001]) {
  t.test(`a call that always answers ${code} is tried exactly twice, with one new token`, async (t) => {
    const { fake, wx } = await setUp(t)
    await wx.accessToken.get()
    fake.fail('call', code)
    const error = await rejectionOf(wx.call('/cgi-bin/getcallbackip'))
    t.match(error, { name: 'WeChatError', code: `WECHAT_${code}`, kind: 'rejected', errcode: code })
    t.match(fake.count, { token: 2, call: 2 })
  })
}

for (const code of [-1, 40164, 41001, 42007, 45009, 45011, 48001, 50002]) {
  t.test(`a call that answers ${code} is not tried again, and fetches no new token`, async (t) => {
    const { fake, wx } = await setUp(t)
    fake.fail('call', code)
    t.match(await rejectionOf(wx.call('/cgi-bin/getcallbackip')), { name: 'WeChatError', errcode: code })
    t.match(fake.count, { token: 1, call: 1 })
  })
}

t.test('a dead token during the fetch of a ticket is replaced once, within that fetch', async (t) => {
  const { fake, wx } = await setUp(t)
  await wx.accessToken.get()
  fake.killToken()
  t.match(await wx.signUrl(PAGE_URL), { signature: /^[0-9a-f]{40}$/ })
  t.match(fake.count, { token: 2, ticket: 2, rejected: 1 })
})

t.test('getticket that always answers 40001 gets two requests, and one new token is fetched', async (t) => {
  const { fake, wx } = await setUp(t)
  fake.fail('ticket', 40001)
  t.match(await rejectionOf(wx.signUrl(PAGE_URL)), { code: 'WECHAT_40001', key: 'JSAPI_TICKET' })
  t.match(fake.count, { token: 2, ticket: 2 })
  t.match(await rejectionOf(wx.signUrl(PAGE_URL)), { code: 'WECHAT_40001' }, 'and then the shared back-off applies')
  t.match(fake.count, { token: 2, ticket: 2 })
})

t.test(
  'an error of another account or of a wrong secret causes no refresh, and a plain error with a dead-token errcode does',
  async (t) => {
    const { fake, wx } = await setUp(t)
    const foreign = Object.assign(new Error('dead'), { errcode: 40001, kind: 'rejected', appId: 'wxother' })
    t.equal(await rejectionOf(wx.accessToken.use(() => Promise.reject(foreign))), foreign)
    const wrongSecret = Object.assign(new Error('wrong secret'), { errcode: 40001, kind: 'permanent', appId: fake.appId })
    t.equal(await rejectionOf(wx.accessToken.use(() => Promise.reject(wrongSecret))), wrongSecret)
    t.equal(fake.count.token, 1)
    const plain = Object.assign(new Error('dead'), { errcode: 42001 })
    t.equal(await rejectionOf(wx.accessToken.use(() => Promise.reject(plain))), plain)
    t.equal(fake.count.token, 2)
  },
)

t.test('a dead token is recognised in the errors of other clients, and a Postgres error is none', async (t) => {
  const { wx } = await setUp(t)
  const shapes = [
    { errcode: '42001' },
    { response: { data: { errcode: 40001 } } },
    { data: '{"errcode":40014}' },
    Object.assign(new Error('access_token expired'), { name: 'WeChatAPIError', code: 42001 }),
  ]
  for (const shape of shapes) {
    const [first, second] = [`first-${shapes.indexOf(shape)}`, `second-${shapes.indexOf(shape)}`]
    await wx.accessToken.set(first, { expiresIn: 3600 })
    const used: string[] = []
    const task = async (token: string) => {
      used.push(token)
      if (token !== first) return
      await wx.accessToken.set(second, { expiresIn: 3600 })
      throw shape
    }
    await wx.accessToken.use(task)
    t.same(used, [first, second], JSON.stringify(shape))
  }
  const conflict = Object.assign(new Error('could not serialize access'), { code: '40001' })
  let calls = 0
  const transaction = () => {
    calls += 1
    return Promise.reject(conflict)
  }
  t.equal(await rejectionOf(wx.accessToken.use(transaction)), conflict)
  t.equal(calls, 1)
})

t.test('a platform that returns the same dead token gets at most three requests for five calls', async (t) => {
  const { fake, wx } = await setUp(t)
  await wx.accessToken.get()
  fake.sameToken = true
  fake.killToken()
  for (let i = 0; i < 5; i += 1) await rejectionOf(wx.call('/cgi-bin/getcallbackip'))
  t.ok(fake.count.token <= 3, `${fake.count.token} fetches for five calls`)
})

for (const fault of [40001, 40125, 40164, 45009, -1, 'html', 'truncated', 'drop', 'empty-412'] as const) {
  t.test(`a token endpoint with the fault ${fault} gets one request for many callers, until the back-off ends`, async (t) => {
    const { fake, wx } = await setUp(t)
    fake.fail('token', fault)
    const calls = Array.from({ length: 10 }, () => rejectionOf(wx.call('/cgi-bin/getcallbackip')))
    for (const error of await Promise.all(calls)) t.match(error, { code: /^WECHAT_/, retryAt: Number })
    const later = await rejectionOf(wx.call('/cgi-bin/getcallbackip'))
    t.match(later, { code: /^WECHAT_/, message: /WeChat/ })
    t.match(fake.count, { token: 1, call: 0 })
  })
}

t.test('the back-off is a minute for an error that a person must correct, and lasts until midnight for a quota', async (t) => {
  for (const [code, least, most] of [
    [40164, 55, 65],
    [45009, 1, 86_400],
    [-1, 0, 2],
  ] as const) {
    const { fake, wx } = await setUp(t)
    fake.fail('token', code)
    const seconds = ((await rejectionOf(wx.accessToken.get())).retryAt! - Date.now()) / 1000
    t.ok(seconds > least - 1 && seconds <= most, `${code}: ${seconds} s`)
  }
})

t.test('after a busy platform (-1), the first call after the back-off succeeds', async (t) => {
  const { fake, wx } = await setUp(t)
  fake.fail('token', -1, 1)
  const { retryAt } = await rejectionOf(wx.call('/cgi-bin/getcallbackip'))
  while (Date.now() <= retryAt!) await new Promise((resolve) => setTimeout(resolve, 20))
  t.match(await wx.call('/cgi-bin/getcallbackip'), { ip_list: [/./, /./] })
  t.match(fake.count, { token: 2, call: 1 })
})

t.test('the error for an address outside the whitelist names the address, through all layers', async (t) => {
  const { fake, wx } = await setUp(t)
  fake.fail('token', 40164)
  t.match(
    (await rejectionOf(wx.signUrl(PAGE_URL))).message + String((await rejectionOf(wx.accessToken.get())).cause),
    /Add 127\.0\.0\.1 to the IP/,
  )
})

t.test('JSON that is sent as text/plain is accepted', async (t) => {
  const { fake, wx } = await setUp(t)
  for (const endpoint of ['token', 'ticket', 'call'] as const) fake.fail(endpoint, 'text/plain')
  await wx.signUrl(PAGE_URL)
  t.match(await wx.call('/cgi-bin/getcallbackip'), { ip_list: [/./, /./] })
})

t.test('a call that takes longer than timeout rejects with WECHAT_TIMEOUT', async (t) => {
  const { fake, account } = await setUp(t, { slow: 10_000 })
  const wx = wechat({ ...account, dog: createDog({ store: memoryStore() }), timeout: 0.5 })
  fake.fail('call', 'slow')
  t.match(await rejectionOf(wx.call('/cgi-bin/getcallbackip')), { code: 'WECHAT_TIMEOUT', kind: 'transient' })
})

t.test('a second account in the same dog needs a prefix, and has its own keys', async (t) => {
  const accounts = [
    { appId: 'wxa', appSecret: 'sa' },
    { appId: 'wxb', appSecret: 'sb' },
  ]
  const { account, dog } = await setUp(t, { accounts })
  t.throws(() => wechat({ ...account, ...accounts[1]! }), TypeError)
  const second = wechat({ ...account, ...accounts[1]!, prefix: 'B_' })
  await second.signUrl(PAGE_URL)
  const keys = (await dog.status()).filter(({ state }) => state === 'fresh')
  t.match(
    keys.sort((x, y) => x.key.localeCompare(y.key)),
    [
      { key: 'B_ACCESS_TOKEN', identity: 'wxb' },
      { key: 'B_JSAPI_TICKET', identity: 'wxb' },
    ],
  )
})

t.test('an unknown option of wechat, and an unknown member of a card, are refused by name', async (t) => {
  const { fake, account, wx } = await setUp(t)
  t.throws(() => wechat({ ...account, stabel: true } as never), { name: 'TypeError', message: /did you mean "stable"\?$/ })
  await t.rejects(wx.cardExt({ cardId: 'c', openId: 'o' } as never), { name: 'TypeError', message: /did you mean "openid"\?$/ })
  t.match(fake.count, { token: 0, ticket: 0 })
})

t.test('util.inspect of an error of the built package begins with WeChatError', async (t) => {
  const { fake, wx } = await setUp(t)
  fake.fail('call', 48001)
  const error = await rejectionOf(wx.call('/cgi-bin/getcallbackip'))
  t.match(inspect(error), /^WeChatError: WeChat answered 48001 /)
  t.match(error.stack, /^WeChatError: /)
})
