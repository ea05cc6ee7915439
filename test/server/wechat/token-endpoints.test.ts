import t from 'tap'
import { ask, post, query, serveAccounts, setUp, stableOf, tokenOf, tokenPath, wechatRoutes } from './setup.js'

t.test('A token comes from the dog’s record, in the platform’s format, for at most 300 s', async (t) => {
  const { fake, url, add, appId, wx } = await setUp(t)
  const secret = add('shop')
  const { status, headers, json } = await ask(url, tokenPath(appId, secret))
  t.equal(status, 200)
  t.match(headers['content-type'], /^application\/json/)
  t.equal(headers['cache-control'], 'no-store')
  t.same(json, { access_token: fake.currentToken(), expires_in: 300 })
  t.equal(await wx.accessToken.get(), json.access_token)
  const { json: stable } = await stableOf(url, { appid: appId, secret })
  t.same(stable, json, 'both paths give the one family that this account has')
  t.equal(fake.count.token, 1)
})

t.test('expires_in is the remaining lifetime if that is less than 300 s', async (t) => {
  const { url, add, appId } = await setUp(t, { fake: { ttl: 200 } })
  const { expires_in } = await tokenOf(url, appId, add('shop'))
  t.ok(expires_in <= 200 && expires_in > 150, String(expires_in))
})

t.test('A token with less than the 60 s that some clients require is replaced first, if the fetch succeeds', async (t) => {
  const { fake, url, add, appId, wx } = await setUp(t)
  await wx.accessToken.set('about-to-end', { expiresIn: 50 })
  const { access_token, expires_in } = await tokenOf(url, appId, add('shop'))
  t.same([access_token, expires_in], [fake.currentToken(), 300])

  fake.fail('token', -1)
  await wx.accessToken.set('about-to-end', { expiresIn: 50 })
  const poor = await tokenOf(url, appId, add('bar'))
  t.equal(poor.access_token, 'about-to-end')
  t.ok(poor.expires_in <= 50 && poor.expires_in > 40, String(poor.expires_in))
})

t.test('An account with stable tokens gives them at both paths', async (t) => {
  const { fake, url, add, appId } = await setUp(t, { stable: true })
  const secret = add('shop')
  const { json } = await stableOf(url, { appid: appId, secret, force_refresh: false })
  t.same(json, { access_token: fake.currentToken(appId, 'stable'), expires_in: 300 })
  t.equal((await tokenOf(url, appId, secret)).access_token, json.access_token)
  t.match(fake.count, { stable: 1, token: 0 })
})

t.test('Each type of ticket is given for an access token that this server issued', async (t) => {
  const { fake, url, add, appId } = await setUp(t)
  const { access_token } = await tokenOf(url, appId, add('shop'))
  const ticket = async (type: string) => (await ask(url, `/cgi-bin/ticket/getticket${query({ access_token, type })}`)).json
  const jsapi = await ticket('jsapi')
  t.match(jsapi, { errcode: 0, errmsg: 'ok', expires_in: 300 })
  t.ok(fake.acceptsTicket(jsapi.ticket as string, appId, 'jsapi'))
  const card = await ticket('wx_card')
  t.ok(fake.acceptsTicket(card.ticket as string, appId, 'wx_card'))
  t.equal((await ticket('1')).ticket, jsapi.ticket, 'the platform accepts type 1 as well')
  t.match(await ticket('2'), { errcode: 40097, ticket: undefined })
  t.match(await ticket(''), { errcode: 40097, ticket: undefined })
  t.equal(fake.count.ticket, 2)
})

t.test('Wrong parameters get the platform’s errcode and text, checked in its order, with HTTP 200', async (t) => {
  const { fake, url, add, appId, refused } = await setUp(t)
  const secret = add('shop')
  const foreign = add('other', { keys: ['OTHER_ACCESS_TOKEN'] })
  const wrong = async (parameters: Record<string, string>, errcode: number, errmsg: RegExp) => {
    const { status, json } = await ask(url, `/cgi-bin/token${query(parameters)}`)
    t.equal(status, 200)
    t.match(json, { errcode, errmsg, access_token: undefined })
    const { status: also, json: stable } = await post(url, '/cgi-bin/stable_token', JSON.stringify(parameters))
    t.equal(also, 200)
    t.match(stable, { errcode, errmsg, access_token: undefined })
  }
  const grant_type = 'client_credential'
  await wrong({ grant_type, secret }, 41002, /^appid missing/)
  await wrong({ grant_type, appid: '', secret }, 41002, /^appid missing/)
  await wrong({ appid: 'wx0000000000000000', secret }, 40013, /^invalid appid/)
  await wrong({ grant_type, appid: appId.toUpperCase(), secret }, 40013, /^invalid appid/)
  await wrong({ grant_type, appid: appId }, 41004, /^appsecret missing/)
  await wrong({ appid: appId, secret: 'wrong' }, 40125, /^invalid appsecret/)
  await wrong({ grant_type, appid: appId, secret: foreign }, 40125, /^invalid appsecret/)
  await wrong({ grant_type, appid: appId, secret: fake.appSecret }, 40125, /^invalid appsecret/)
  await wrong({ appid: appId, secret }, 40002, /^invalid grant_type/)
  await wrong({ grant_type: 'authorization_code', appid: appId, secret }, 40002, /^invalid grant_type/)
  t.same(new Set(refused), new Set([41004, 40125]))
  t.equal(fake.log.length, 0, 'none of it reached the platform')
})

t.test('An unreadable body is answered as one without an appid, and GET of a stable token as 43002', async (t) => {
  const { url } = await setUp(t)
  for (const body of ['', 'null', '[]', '"x"', '{"appid":', 'appid=wx&secret=s', '{"appid":1,"secret":{}}']) {
    t.match((await post(url, '/cgi-bin/stable_token', body)).json, { errcode: 41002 }, body)
  }
  const { status, json } = await post(url, '/cgi-bin/stable_token', `{"appid":"${'x'.repeat(10_000)}"}`)
  t.same([status, json.errcode], [413, -1])
  t.match((await ask(url, '/cgi-bin/stable_token')).json, { errcode: 43002, errmsg: /^require POST method/ })
})

t.test('A ticket needs an access token issued here recently, and the right to read the ticket', async (t) => {
  const { fake, url, add, appId, wx, advance, revoke } = await setUp(t)
  const path = (parameters: Record<string, string>) => `/cgi-bin/ticket/getticket${query({ type: 'jsapi', ...parameters })}`
  t.match((await ask(url, path({}))).json, { errcode: 41001, errmsg: /^access_token missing/ })
  t.match((await ask(url, path({ access_token: '' }))).json, { errcode: 41001 })
  // The token is valid at the platform, but was not issued here: it identifies no client.
  const access_token = await wx.accessToken.get()
  const dead = { errcode: 40001, errmsg: /^invalid credential, access_token is invalid or not latest/, ticket: undefined }
  t.match((await ask(url, path({ access_token }))).json, dead)
  const secret = add('shop', { keys: ['ACCESS_TOKEN'] })
  t.equal((await tokenOf(url, appId, secret)).access_token, access_token)
  t.match((await ask(url, path({ access_token }))).json, { errcode: 48001, ticket: undefined })
  t.equal(fake.count.ticket, 0)

  const reader = add('page')
  await tokenOf(url, appId, reader)
  t.match((await ask(url, path({ access_token }))).json, { errcode: 0 })
  revoke(reader)
  t.match((await ask(url, path({ access_token }))).json, dead, 'at once')
  revoke(secret)
  t.match((await ask(url, path({ access_token }))).json, dead)

  const late = add('late')
  const next = (await tokenOf(url, appId, late)).access_token
  t.not(next, access_token, 'no client gets a value that a revoked client has')
  advance(350)
  t.match((await ask(url, path({ access_token: next }))).json, { errcode: 0 }, 'within 60 s after its expires_in')
  advance(20)
  t.match(
    (await ask(url, path({ access_token: next }))).json,
    dead,
    'a client that was told 300 s cannot use the token for hours',
  )
})

t.test('A revoked client’s access token is refused everywhere, and the others get a new one', async (t) => {
  const { fake, url, appId, add, revoke, advance } = await setUp(t)
  const ticket = async (access_token: string) =>
    (await ask(url, `/cgi-bin/ticket/getticket${query({ type: 'jsapi', access_token })}`)).json
  const call = async (access_token: string) =>
    (await ask(url, `/cgi-bin/user/info${query({ access_token, openid: 'o1' })}`)).json
  const [gone, stays] = [add('gone', { mayProxy: true }), add('stays', { mayProxy: true })]
  const { access_token } = await tokenOf(url, appId, gone)
  t.equal((await tokenOf(url, appId, stays)).access_token, access_token, 'both have the same token')
  // The first client was told 300 s and keeps the token longer; the other asks again in time.
  advance(400)
  t.equal((await tokenOf(url, appId, stays)).access_token, access_token)
  revoke(gone)
  t.match(await ticket(access_token), { errcode: 40001, ticket: undefined })
  t.match(await call(access_token), { errcode: 40001, openid: undefined })
  const next = (await tokenOf(url, appId, stays)).access_token
  t.equal(next, fake.currentToken())
  t.match(await ticket(next), { errcode: 0 })
  t.match(await call(next), { openid: 'o1' })
  t.match(await call(access_token), { errcode: 40001 }, 'the old token stays refused')
  t.match(fake.count, { token: 2 })
})

t.test('Revoking clients one after the other never interrupts the proxy for the others', async (t) => {
  const { fake, url, appId, add, revoke, dog } = await setUp(t)
  const gone = Array.from({ length: 6 }, (_, i) => add(`gone ${i}`))
  const stays = add('stays', { mayProxy: true })
  const seen = new Set<unknown>()
  for (const client of gone) {
    const { access_token } = await tokenOf(url, appId, client)
    revoke(client)
    const next = (await Promise.all(Array.from({ length: 4 }, () => tokenOf(url, appId, stays)))).map(
      (answer) => answer.access_token,
    )
    t.same(new Set(next), new Set([fake.currentToken()]))
    t.not(next[0], access_token)
    const { json } = await ask(url, `/cgi-bin/user/info${query({ access_token: next[0] as string, openid: 'o1' })}`)
    t.match(json, { openid: 'o1' })
    seen.add(access_token)
  }
  t.equal(seen.size, gone.length)
  t.equal(fake.count.token, gone.length + 1, 'one fetch for each revocation')
  const [status] = (await dog.status()).filter(({ key }) => key === 'ACCESS_TOKEN')
  t.equal(status?.failure, undefined, 'no back-off is recorded')
})

t.test('A stable token that a revoked client has is replaced as soon as the platform allows', async (t) => {
  const { fake, url, appId, add, revoke } = await setUp(t, { stable: true })
  const stays = add('stays', { mayProxy: true })
  for (const name of ['one', 'two']) {
    const client = add(name)
    await tokenOf(url, appId, client)
    revoke(client)
    await tokenOf(url, appId, stays)
  }
  t.match(fake.count, { forced: 1 }, 'a second forced token within 30 s is not available')
  const asked = fake.count.stable
  for (let i = 0; i < 10; i++) {
    const { access_token } = await tokenOf(url, appId, stays)
    t.equal(access_token, fake.currentToken(appId, 'stable'), 'the current token is still given')
  }
  t.ok(fake.count.stable - asked < 3, 'the platform is not asked in a loop')
})

t.test('Repeated forced refreshes leave no failure that would delay replacing a dead token', async (t) => {
  const { url, add, appId, advance, wx, dog } = await setUp(t)
  const secret = add('owner', { mayRefresh: true })
  const tokens = new Set<unknown>()
  for (let i = 0; i < 5; i++) {
    tokens.add((await stableOf(url, { appid: appId, secret, force_refresh: true })).json.access_token)
    advance(31)
  }
  t.equal(tokens.size, 5)
  const [status] = (await dog.status()).filter(({ key }) => key === wx.accessToken.key)
  t.equal(status?.failure, undefined)
})

t.test(
  'A refusal of the server’s own AppSecret is answered as -1, not as the client’s fault, and without secrets',
  async (t) => {
    const { fake, url, add, appId } = await setUp(t)
    const secret = add('shop')
    fake.fail('token', 40125)
    const refused = await tokenOf(url, appId, secret)
    t.match(refused, {
      errcode: -1,
      errmsg: /^system error: the platform answered 40125 to this server: The AppSecret does not belong/,
    })
    t.notMatch(JSON.stringify(refused), new RegExp(`${secret}|${fake.appSecret}`))
  },
)

t.test('A token that the platform refuses is answered with the platform’s errcode and a hint, in every call', async (t) => {
  const { fake, url, add, appId, refused } = await setUp(t, {
    fake: { clientIp: '203.0.113.7', account: { whitelist: ['198.51.100.1'] } },
  })
  const secret = add('shop')
  // The first call fetches. The second one gets the recorded failure, and the ticket that of its token.
  for (let call = 0; call < 2; call++) {
    const { errcode, errmsg } = await tokenOf(url, appId, secret)
    t.equal(errcode, 40164)
    t.match(errmsg, /the platform answered 40164 to this server: Add 203\.0\.113\.7 to the IP whitelist .* \(dotdog\)$/)
    t.notMatch(errmsg, /rid/)
  }
  t.equal(fake.log.length, 1)
  t.same(refused, [], 'the client did nothing wrong')

  fake.fail('token', 'drop')
  const other = await setUp(t)
  other.fake.fail('token', 'drop')
  t.match(await other.token(other.add('shop')), { errcode: -1, errmsg: /^system error: / })
})

t.test('A used-up quota is answered as 45009', async (t) => {
  const { url, add, appId } = await setUp(t, { fake: { limits: { token: 0 } } })
  t.match(await tokenOf(url, appId, add('shop')), { errcode: 45009, errmsg: /^reach max api daily quota limit/ })
})

t.test('force_refresh needs the right to refresh', async (t) => {
  const { fake, url, add, appId } = await setUp(t)
  const ask = async (secret: string, force_refresh: unknown) =>
    (await stableOf(url, { appid: appId, secret, force_refresh })).json
  const secret = add('shop')
  const first = await ask(secret, false)
  t.match(await ask(secret, true), { errcode: 48001, errmsg: /^api unauthorized: force_refresh needs `"refresh": true`/ })
  t.equal(fake.count.token, 1)
  const owner = add('owner', { mayRefresh: true })
  t.equal((await ask(owner, 'true')).access_token, first.access_token, 'only true forces')
  const second = await ask(owner, true)
  t.not(second.access_token, first.access_token)
  t.equal(second.access_token, fake.currentToken())
  t.equal(second.expires_in, 300)
  t.equal(fake.count.token, 2)
})

t.test(
  'Forcing again within 30 s gives the current token, as at the platform, and a stable token is forced there once',
  async (t) => {
    const { fake, url, add, appId, advance } = await setUp(t, { stable: true })
    const secret = add('owner', { mayRefresh: true })
    const force = async () => (await stableOf(url, { appid: appId, secret, force_refresh: true })).json.access_token
    const first = fake.currentToken(appId, 'stable') ?? (await tokenOf(url, appId, secret)).access_token
    const second = await force()
    t.not(second, first)
    const storm = await Promise.all(Array.from({ length: 20 }, force))
    t.same(new Set(storm), new Set([second]))
    t.match(fake.count, { forced: 1 })
    advance(31)
    // The engine has the same quota: it does not force again, because its own clock has not moved.
    t.equal(await force(), second)
    t.match(fake.count, { forced: 1 })
  },
)

t.test('wechatRoutes throws a TypeError for a wrong account', async (t) => {
  const { wx, appId } = await setUp(t)
  const make = (account: object) => () => wechatRoutes({ accounts: [account as never], clients: { find: () => undefined } })
  t.doesNotThrow(make({ appId, wx }))
  t.throws(make({ wx }), { name: 'TypeError', message: /^accounts\[0\]\.appId must be a string/ })
  t.throws(make({ appId }), { name: 'TypeError', message: /^accounts\[0\]\.wx must be what wechat\(\) returns/ })
  for (const baseUrl of ['api.weixin.qq.com', 'file:///x', '', 1]) {
    t.throws(make({ appId, wx, baseUrl }), { name: 'TypeError', message: /^accounts\[0\]\.baseUrl must be an http/ })
  }
})

t.test('A value that a revoked client has is remembered while it is current, whatever happens to other accounts', async (t) => {
  const [one, two] = [
    { appId: `wx${'1'.repeat(16)}`, appSecret: '1'.repeat(32) },
    { appId: `wx${'2'.repeat(16)}`, appSecret: '2'.repeat(32) },
  ]
  const { url, add, revoke, advance, served } = await serveAccounts(t, [one, two], ['legacy'])
  const call = async (access_token: string) =>
    (await ask(url, `/cgi-bin/user/info${query({ access_token, openid: 'o1' })}`)).json
  const [gone, stays] = [add('gone', { mayProxy: true }), add('stays', { mayProxy: true })]
  const { access_token } = await tokenOf(url, one.appId, gone)
  revoke(gone)
  advance(400)
  await tokenOf(url, two.appId, stays)
  await served[1]!.wx.accessToken.refresh({ force: true })
  await tokenOf(url, two.appId, stays)
  t.not((await tokenOf(url, one.appId, stays)).access_token, access_token)
  t.match(await call(access_token), { errcode: 40001, openid: undefined })
})

t.test(
  'An unknown option of wechatRoutes, its limits or an account is a TypeError that suggests the nearest name',
  async (t) => {
    const { wx, appId } = await setUp(t)
    const clients = { find: () => undefined }
    const make = (options: object) => () => wechatRoutes({ accounts: [], clients, ...options } as never)
    const unknown = (name: string, subject: string, nearest: string) => ({
      name: 'TypeError',
      message: `unknown option "${name}" of ${subject}; did you mean "${nearest}"?`,
    })
    t.throws(make({ onrefuse: () => {} }), unknown('onrefuse', 'wechatRoutes', 'onRefused'))
    t.throws(make({ limits: { idel: 1 } }), unknown('idel', 'limits', 'idle'))
    t.throws(make({ accounts: [{ appId, wx, baseURl: 'https://x.example' }] }), unknown('baseURl', 'accounts[0]', 'baseUrl'))
  },
)
