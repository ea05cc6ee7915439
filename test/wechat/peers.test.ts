// The bugs of other packages, each named after the one that has it.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { createDog, memoryStore, PAGE_URL, rejectionOf, setUp, wechat, wechatModule } from './setup.js'

t.test('tnwx: five signatures are five getticket calls; here one', async (t) => {
  const { fake, wx } = await setUp(t)
  for (let i = 0; i < 5; i += 1) await wx.signUrl(PAGE_URL)
  t.match(fake.count, { token: 1, ticket: 1 })
})

t.test('tnwx: a failure signs jsapi_ticket=undefined; here it rejects', async (t) => {
  const { fake, wx } = await setUp(t)
  fake.fail('ticket', -1)
  t.match(await rejectionOf(wx.signUrl(PAGE_URL)), { code: 'ERR_DOG_FETCH' })
})

t.test('tnwx: an error answer resolves and is cached; here it rejects, and the next good answer is used', async (t) => {
  const { fake, wx } = await setUp(t)
  fake.fail('token', -1, 1)
  t.match(await rejectionOf(wx.accessToken.get()), { code: 'ERR_DOG_FETCH' })
  t.equal(wx.accessToken.peek(), undefined)
  t.equal(await wx.accessToken.refresh({ force: true }), fake.currentToken())
})

t.test('tnwx: a static current account mixes two up; here each has its own token', async (t) => {
  const accounts = [
    { appId: 'wxa', appSecret: 'sa' },
    { appId: 'wxb', appSecret: 'sb' },
  ]
  const { fake, account, wx } = await setUp(t, { accounts })
  const other = wechat({ ...account, ...accounts[1]!, prefix: 'B_' })
  const [a, b] = await Promise.all([
    wx.accessToken.get(),
    other.accessToken.get(),
    wx.signUrl(PAGE_URL),
    other.signUrl(PAGE_URL),
  ])
  t.equal(a, fake.currentToken('wxa'))
  t.equal(b, fake.currentToken('wxb'))
  t.match([await wx.signUrl(PAGE_URL), await other.signUrl(PAGE_URL)], [{ appId: 'wxa' }, { appId: 'wxb' }])
  t.match(fake.count, { token: 2, ticket: 2, rejected: 0 })
})

t.test('co-wechat-api: a token endpoint that answers 40001 is asked without end; here once', async (t) => {
  const { fake, wx } = await setUp(t)
  fake.fail('token', 40001)
  const error = await rejectionOf(wx.call('/cgi-bin/getcallbackip'))
  t.match(error, { code: 'ERR_DOG_FETCH', message: /AppSecret/ })
  await new Promise((resolve) => setTimeout(resolve, 1500))
  await rejectionOf(wx.call('/cgi-bin/getcallbackip'))
  t.equal(fake.count.token, 1, 'a wrong secret is not probed every second')
})

t.test('co-wechat-api: ten calls with one stale token are 27 fetches and 7 failures; here one fetch and none', async (t) => {
  const { fake, wx } = await setUp(t, { overlap: 0, maxLive: 1, delay: 30 })
  await wx.accessToken.get()
  fake.killToken()
  const answers = await Promise.all(Array.from({ length: 10 }, () => wx.call('/cgi-bin/getcallbackip')))
  t.equal(answers.length, 10)
  t.match(fake.count, { token: 2, rejected: 10, call: 20 })
})

t.test('wechat-api: the retry uses the stale token again; here the new one', async (t) => {
  const { fake, wx } = await setUp(t)
  const stale = await wx.accessToken.get()
  fake.killToken()
  const used: string[] = []
  await wx.accessToken.use(async (token) => {
    used.push(token)
    if (token === stale) throw Object.assign(new Error('dead'), { errcode: 40001 })
  })
  t.strictSame(used, [stale, fake.currentToken()])
  t.not(used[0], used[1])
})

t.test('wechat-jssdk: expires_in is ignored; here a token that is over is fetched again', async (t) => {
  const { fake, wx } = await setUp(t, { ttl: 1, ticketTtl: 1 })
  const first = await wx.signUrl(PAGE_URL)
  t.ok(first.signature)
  const ticket = await wx.jsapiTicket.get()
  await new Promise((resolve) => setTimeout(resolve, 1100))
  t.equal(wx.jsapiTicket.peek(), undefined, 'no signature over an old ticket')
  await wx.signUrl(PAGE_URL)
  t.not(await wx.jsapiTicket.get(), ticket)
  t.ok(fake.count.token >= 2)
})

t.test('node-easywechat: refreshing the ticket stores a token in its place; here it stores a ticket', async (t) => {
  const { fake, wx } = await setUp(t)
  await wx.signUrl(PAGE_URL)
  const ticket = await wx.jsapiTicket.refresh({ force: true }).catch(() => wx.jsapiTicket.get())
  t.not(ticket, fake.currentToken())
  t.match(ticket, /^[\w-]{86}$/)
  t.not(wx.jsapiTicket.peek()?.value, fake.currentToken())
})

t.test('node-easywechat: the AppSecret is in the name of the cache file; here it is in no name and no file', async (t) => {
  const dir = join(t.testdir(), '.dog')
  const { fake, wx } = await setUp(t, {}, dir)
  await wx.signUrl(PAGE_URL)
  fake.killToken()
  await wx.call('/cgi-bin/getcallbackip')
  fake.fail('token', 40125)
  await wx.accessToken.refresh({ force: true }).catch(() => {})
  const names = readdirSync(dir, { recursive: true }).map(String)
  t.ok(names.includes('ACCESS_TOKEN.dog') && names.includes('JSAPI_TICKET.dog'), names.join(' '))
  for (const name of names) {
    t.notOk(name.includes(fake.appSecret) || name.includes(fake.currentToken()!), name)
    if (statSync(join(dir, name)).isFile()) t.notOk(readFileSync(join(dir, name), 'utf8').includes(fake.appSecret), name)
  }
})

for (const [peer, code] of [
  ['w7corp', 42001],
  ['tnwx, wechat-jssdk', 40014],
] as const) {
  t.test(`${peer}: the retry on ${code} sends the old token again, or there is none; here it sends the new one`, async (t) => {
    const { fake, wx } = await setUp(t)
    const old = await wx.accessToken.get()
    fake.fail('call', code, 1)
    t.match(await wx.call('/cgi-bin/getcallbackip'), { ip_list: [/./, /./] })
    t.match(fake.count, { token: 2, call: 2, rejected: 0 })
    t.not(await wx.accessToken.get(), old)
  })
}

t.test('w7corp: a token past its lifetime upstream is replayed; here the platform never sees it twice', async (t) => {
  const { fake, wx } = await setUp(t)
  await wx.accessToken.get()
  fake.advance(7201_000)
  t.match(await wx.call('/cgi-bin/getcallbackip'), { ip_list: [/./, /./] })
  t.match(fake.count, { token: 2, call: 2, rejected: 1 })
})

t.test('wechat-api, WxJava: two forced refreshes at once are two fetches that kill each other; here one', async (t) => {
  const { fake, wx } = await setUp(t, { delay: 30 })
  const [one, two] = await Promise.all([wx.accessToken.refresh({ force: true }), wx.accessToken.refresh({ force: true })])
  t.equal(one, two)
  t.equal(fake.count.token, 1)
})

t.test('wechat-jssdk: a process puts its old token back over the new one; here it takes the new one', async (t) => {
  const dir = join(t.testdir(), '.dog')
  const { fake, wx, account } = await setUp(t, {}, dir)
  const old = await wx.accessToken.get()
  const other = wechat({ ...account, dog: createDog({ dir }) })
  t.equal(await other.accessToken.get(), old)
  fake.killToken()
  await other.call('/cgi-bin/getcallbackip')
  await wx.signUrl(PAGE_URL)
  t.match(await wx.call('/cgi-bin/getcallbackip'), { ip_list: [/./, /./] })
  t.equal(JSON.parse(readFileSync(join(dir, 'ACCESS_TOKEN.dog'), 'utf8')).value, fake.currentToken())
  t.equal(fake.count.token, 2)
})

t.test('node-easywechat: the margin is none; here a token is replaced while it is still good', async (t) => {
  const { fake, account } = await setUp(t, { ttl: 4 })
  const wx = wechat({ ...account, dog: createDog({ store: memoryStore(), refreshAhead: 2.5 }) })
  const old = await wx.accessToken.get()
  while ((await wx.accessToken.get()) === old) {
    await wx.call('/cgi-bin/getcallbackip')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  t.ok(fake.count.token >= 2)
  t.equal(fake.count.rejected, 0)
})

t.test('node-easywechat, w7corp: echostr comes back unsigned, as a page; here not at all, and as text', async (t) => {
  const server = createServer(wechatModule.handshake({ token: 'AAAAA' }))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const ask = (query: object) =>
    fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/?${new URLSearchParams({ ...query })}`)
  const echostr = '<script>alert(1)</script>'
  const unsigned = await ask({ echostr })
  t.equal(unsigned.status, 403)
  t.notMatch(await unsigned.text(), 'script')
  const signed = { signature: 'f464b24fc39322e44b38aa78f5edd27bd1441696', timestamp: '1714036504', nonce: '1514711492' }
  const answer = await ask({ ...signed, echostr })
  t.equal(await answer.text(), echostr, 'whoever has a signed address can put anything into it')
  t.match(answer.headers.get('content-type'), /^text\/plain/)
  t.equal(answer.headers.get('x-content-type-options'), 'nosniff')
})
