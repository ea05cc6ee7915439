// Bugs of other packages. Each test names the package that has the bug.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { createDog, memoryStore, PAGE_URL, rejectionOf, setUp, wechat, wechatModule } from './setup.js'

t.test('tnwx calls getticket five times for five signatures; dotdog calls it once', async (t) => {
  const { fake, wx } = await setUp(t)
  for (let i = 0; i < 5; i += 1) await wx.signUrl(PAGE_URL)
  t.match(fake.count, { token: 1, ticket: 1 })
})

t.test('tnwx signs jsapi_ticket=undefined after a failure; dotdog rejects', async (t) => {
  const { fake, wx } = await setUp(t)
  fake.fail('ticket', -1)
  t.match(await rejectionOf(wx.signUrl(PAGE_URL)), { code: 'WECHAT_-1' })
})

t.test('tnwx resolves and caches an error response; dotdog rejects, and uses the next good response', async (t) => {
  const { fake, wx } = await setUp(t)
  fake.fail('token', -1, 1)
  t.match(await rejectionOf(wx.accessToken.get()), { code: 'ERR_DOG_FETCH' })
  t.equal(wx.accessToken.peek(), undefined)
  t.equal(await wx.accessToken.refresh({ force: true }), fake.currentToken())
})

t.test('tnwx mixes up two accounts by its static current account; in dotdog each has its own token', async (t) => {
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

t.test('co-wechat-api requests a token without end if the endpoint answers 40001; dotdog requests it once', async (t) => {
  const { fake, wx } = await setUp(t)
  fake.fail('token', 40001)
  const error = await rejectionOf(wx.call('/cgi-bin/getcallbackip'))
  t.match(error, { code: 'WECHAT_40001', message: /AppSecret/ })
  await new Promise((resolve) => setTimeout(resolve, 1500))
  await rejectionOf(wx.call('/cgi-bin/getcallbackip'))
  t.equal(fake.count.token, 1, 'a wrong secret is not retried every second')
})

t.test(
  'co-wechat-api makes 27 fetches and 7 failures of ten calls with one dead token; dotdog makes one fetch and no failure',
  async (t) => {
    const { fake, wx } = await setUp(t, { overlap: 0, maxLive: 1, delay: 30 })
    await wx.accessToken.get()
    fake.killToken()
    const answers = await Promise.all(Array.from({ length: 10 }, () => wx.call('/cgi-bin/getcallbackip')))
    t.equal(answers.length, 10)
    t.match(fake.count, { token: 2, rejected: 10, call: 20 })
  },
)

t.test('wechat-api retries with the dead token; dotdog retries with the new one', async (t) => {
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

t.test('wechat-jssdk ignores expires_in; dotdog fetches an expired token again', async (t) => {
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

t.test('node-easywechat stores a token in place of a refreshed ticket; dotdog stores a ticket', async (t) => {
  const { fake, wx } = await setUp(t)
  await wx.signUrl(PAGE_URL)
  const ticket = await wx.jsapiTicket.refresh({ force: true }).catch(() => wx.jsapiTicket.get())
  t.not(ticket, fake.currentToken())
  t.match(ticket, /^[\w-]{86}$/)
  t.not(wx.jsapiTicket.peek()?.value, fake.currentToken())
})

t.test(
  'node-easywechat writes the AppSecret into the name of the cache file; dotdog writes it into no name and no file',
  async (t) => {
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
  },
)

for (const [peer, code] of [
  ['w7corp', 42001],
  ['tnwx, wechat-jssdk', 40014],
] as const) {
  t.test(
    `${peer}: after ${code} the old token is sent again, or there is no retry; dotdog retries with the new one`,
    async (t) => {
      const { fake, wx } = await setUp(t)
      const old = await wx.accessToken.get()
      fake.fail('call', code, 1)
      t.match(await wx.call('/cgi-bin/getcallbackip'), { ip_list: [/./, /./] })
      t.match(fake.count, { token: 2, call: 2, rejected: 0 })
      t.not(await wx.accessToken.get(), old)
    },
  )
}

t.test('w7corp sends a token again that has expired upstream; dotdog sends it once only', async (t) => {
  const { fake, wx } = await setUp(t)
  await wx.accessToken.get()
  fake.advance(7201_000)
  t.match(await wx.call('/cgi-bin/getcallbackip'), { ip_list: [/./, /./] })
  t.match(fake.count, { token: 2, call: 2, rejected: 1 })
})

t.test(
  'wechat-api and WxJava make two fetches of two forced refreshes, and one token kills the other; dotdog makes one',
  async (t) => {
    const { fake, wx } = await setUp(t, { delay: 30 })
    const [one, two] = await Promise.all([wx.accessToken.refresh({ force: true }), wx.accessToken.refresh({ force: true })])
    t.equal(one, two)
    t.equal(fake.count.token, 1)
  },
)

t.test('a process of wechat-jssdk stores its old token over the new one; a process of dotdog takes the new one', async (t) => {
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

t.test('node-easywechat replaces a token only after its expiry; dotdog replaces it while it is still valid', async (t) => {
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

t.test(
  'node-easywechat and w7corp echo an unverified echostr as a page; dotdog verifies it first, and echoes it as text',
  async (t) => {
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
    t.equal(await answer.text(), echostr, 'the sender of a signed URL can put anything into echostr')
    t.match(answer.headers.get('content-type'), /^text\/plain/)
    t.equal(answer.headers.get('x-content-type-options'), 'nosniff')
  },
)
