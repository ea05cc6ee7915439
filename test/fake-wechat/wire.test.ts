/** stable_token, addresses, the administrator and the clock, over a socket as tests of users do. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { type FakeWeChatOptions, fakeWeChat } from '../../src/testing/index.js'

type Body = Record<string, unknown>

async function start(t: Test, options?: FakeWeChatOptions) {
  const fake = await fakeWeChat(options)
  t.teardown(() => fake.close())
  const json = async (path: string, init?: RequestInit) => (await (await fetch(fake.url + path, init)).json()) as Body
  const post = (path: string, body: object) => json(path, { method: 'POST', body: JSON.stringify(body) })
  const classic = `/cgi-bin/token?grant_type=client_credential&appid=${fake.appId}&secret=${fake.appSecret}`
  const credentials = { grant_type: 'client_credential', appid: fake.appId, secret: fake.appSecret }
  const token = (headers = {}) => json(classic, { headers })
  const stable = (force_refresh = false) => post('/cgi-bin/stable_token', { ...credentials, force_refresh })
  const probe = async (token: unknown) => (await json(`/cgi-bin/getcallbackip?access_token=${token}`)).errcode ?? 0
  return { fake, json, post, token, stable, probe }
}

t.test('stable_token returns one token to every caller and counts requests, rotations and forced refreshes', async (t) => {
  const { fake, stable, probe } = await start(t)
  const one = await stable()
  t.match(one, { expires_in: 7200 })
  t.equal((await stable()).access_token, one.access_token)
  t.equal(fake.currentToken(fake.appId, 'stable'), one.access_token)
  t.equal(fake.currentToken(), undefined, 'no classic token was made')
  const forced = await stable(true)
  t.not(forced.access_token, one.access_token)
  t.same([await probe(one.access_token), await probe(forced.access_token)], [0, 0])
  t.match(fake.count, { stable: 3, forced: 1, stableRotated: 2, token: 0, rotated: 0, call: 2 })
})

t.test('`killToken` kills the tokens of both families, or of the one that is named', async (t) => {
  const { fake, token, stable, probe } = await start(t)
  const held = [(await token()).access_token, (await stable()).access_token]
  fake.killToken(fake.appId, 'legacy')
  t.same([await probe(held[0]), await probe(held[1])], [40001, 0])
  fake.killToken()
  t.equal(await probe(held[1]), 40001)
  t.equal((await stable()).access_token, held[1], 'without force, stable_token returns the dead token again')
  t.equal(await probe((await stable(true)).access_token), 0)
  t.equal(await probe(fake.foreignToken()), 40014)
})

t.test('A fault applies to the endpoint that is named, and to no other', async (t) => {
  const { fake, token, stable, post, probe } = await start(t)
  fake.fail('stable', 45011, 1)
  fake.fail('quota', -1, 1)
  t.equal((await token()).errcode, undefined)
  t.match(await stable(), { errcode: 45011 })
  const clear = () => post('/cgi-bin/clear_quota/v2', { appid: fake.appId, appsecret: fake.appSecret })
  t.match(await clear(), { errcode: -1, errmsg: /^system error rid: / })
  t.match(await clear(), { errcode: 0 })
  fake.fail('stable', 'drop-after-rotation', 1)
  await t.rejects(stable())
  t.match(fake.count, { stable: 2, stableRotated: 1, quota: 2 })
  const lost = fake.currentToken(fake.appId, 'stable')
  t.equal((await stable()).access_token, lost, 'the token of the lost response is returned again')
  t.equal(await probe(lost), 0)
})

t.test('`advance` moves the clock: tokens expire, and log entries have the new time', async (t) => {
  const { fake, token, probe } = await start(t)
  const { access_token } = await token()
  const before = fake.now()
  fake.advance(7_200_000)
  t.ok(fake.now() - before >= 7_200_000)
  t.equal(await probe(access_token), 42001)
  t.ok(fake.log[1]!.at - fake.log[0]!.at >= 7_200_000)
  for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY]) t.throws(() => fake.advance(wrong), TypeError)
})

t.test('A caller that is not on the whitelist is refused until its address or the whitelist changes', async (t) => {
  const { fake, token, probe } = await start(t, { account: { whitelist: ['8.8.4.0/24'] }, clientIp: '1.2.3.4' })
  t.match(await token(), { errcode: 40164, errmsg: /^invalid ip 1\.2\.3\.4 ipv6 ::ffff:1\.2\.3\.4, not in whitelist rid: / })
  t.match(await token({ 'x-fake-client-ip': '8.8.4.9' }), { expires_in: 7200 })
  t.equal(await probe(fake.currentToken()), 40164, 'an official account guards every call')
  fake.clientIp = '8.8.4.10'
  t.equal(await probe(fake.currentToken()), 0)
  fake.clientIp = undefined
  t.match(await token(), { errmsg: /^invalid ip 127\.0\.0\.1 ipv6/ })
  fake.setWhitelist(['127.0.0.1'])
  t.match(await token(), { expires_in: 7200 })
  t.throws(() => fake.setWhitelist(['127.0.0.*']), TypeError)
  t.throws(() => (fake.clientIp = 'localhost'), TypeError)
})

t.test('The option `account` with only a kind and a whitelist makes a mini program', async (t) => {
  const { fake, token, probe } = await start(t, { account: { kind: 'mini', whitelist: ['8.8.4.*'] } })
  t.match(await token(), { errcode: 40164 })
  t.match(await token({ 'x-fake-client-ip': '8.8.4.1' }), { expires_in: 7200 })
  t.equal(await probe(fake.currentToken()), 0)
})

t.test('An address is refused after one and two rejections, and served after it was confirmed', async (t) => {
  const { fake, token } = await start(t)
  const hours = (count: number) => fake.advance(count * 3_600_000)
  fake.setRisk(true)
  t.match(await token(), { errcode: 89503 })
  t.same(fake.reject(), ['127.0.0.1'])
  t.match(await token(), { errcode: 89507 })
  hours(1)
  t.match(await token(), { errcode: 89503 })
  fake.reject()
  t.match(await token(), { errcode: 89506 })
  hours(24)
  t.match(await token(), { errcode: 89503 })
  t.same(fake.confirm(), ['127.0.0.1'])
  t.match(await token(), { expires_in: 7200 })
  t.equal(fake.count.rotated, 1)
})

t.test('`setStanding` makes a frozen account good again', async (t) => {
  const { fake, token } = await start(t, { account: { standing: 'secret-frozen' } })
  t.match(await token(), { errcode: 40243 })
  fake.setStanding('good')
  t.match(await token(), { expires_in: 7200 })
  t.throws(() => fake.setStanding('bad' as never), TypeError)
})

t.test('`acceptsTicket` is true until the ticket expires or is killed', async (t) => {
  const { fake, json, token } = await start(t, { ticketTtl: 10, ticketOverlap: 5 })
  const { access_token } = await token()
  const ask = async () => (await json(`/cgi-bin/ticket/getticket?type=jsapi&access_token=${access_token}`)).ticket as string
  const ticket = await ask()
  t.ok(fake.acceptsTicket(ticket))
  t.notOk(fake.acceptsTicket(ticket, fake.appId, 'wx_card'), 'ticket types are not interchangeable')
  fake.advance(14_000)
  t.ok(fake.acceptsTicket(ticket))
  fake.advance(2000)
  t.notOk(fake.acceptsTicket(ticket))
  const next = await ask()
  fake.killTicket()
  t.notOk(fake.acceptsTicket(next))
  t.not(await ask(), next)
  t.throws(() => fake.acceptsTicket(next, fake.appId, 'x' as never), TypeError)
})

t.test('The log has the rid of a lost response, and contains no secret', async (t) => {
  const seen: unknown[] = []
  const { fake, json, token, stable } = await start(t, { onRequest: (entry) => seen.push(entry.path) })
  await token()
  await stable()
  fake.fail('token', 'drop-after-rotation', 1)
  await token().catch(() => {})
  await json(`/cgi-bin/${fake.appSecret}/${fake.currentToken()}`)
  t.match(fake.log, [
    { errcode: 0, appId: fake.appId, ip: '127.0.0.1' },
    { method: 'POST', path: '/cgi-bin/stable_token', errcode: 0 },
    { status: 0, errcode: undefined, rid: /^[0-9a-f]{8}-/, fault: 'drop-after-rotation' },
    { path: '/cgi-bin/***/***', errcode: 40066 },
  ])
  t.same(
    seen,
    fake.log.map(({ path }) => path),
  )
  const shown = inspect(fake.log, { depth: 9, showHidden: true })
  const secrets = [fake.appSecret, fake.currentToken()!, fake.currentToken(fake.appId, 'stable')!]
  for (const secret of secrets) t.notOk(shown.includes(secret))
})

t.test('With `requireHttps` only requests with `x-forwarded-proto: https` are served', async (t) => {
  const { token } = await start(t, { requireHttps: true })
  t.match(await token(), { errcode: 43003 })
  t.match(await token({ 'x-forwarded-proto': 'https' }), { expires_in: 7200 })
})

t.test('A body that is too large, or an invalid client address, cuts the connection', async (t) => {
  const { fake, json, token } = await start(t)
  await t.rejects(json('/cgi-bin/stable_token', { method: 'POST', body: 'x'.repeat(1_100_000) }))
  await t.rejects(token({ 'x-fake-client-ip': 'nonsense' }))
  t.match(fake.count, { stable: 0, token: 0 })
  t.match(await token(), { expires_in: 7200 })
})

t.test('The fake goes on serving after clients disconnect, in mid-request or before the response', async (t) => {
  const { fake, json, token } = await start(t, { delay: 100 })
  const { port } = new URL(fake.url)
  const half = connect(Number(port), '127.0.0.1')
  half.end('POST /cgi-bin/stable_token HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{')
  await once(half.resume(), 'close')
  for (const fault of ['slow', 'drop', 'drop-after-rotation'] as const) {
    fake.fail('call', fault, 1)
    const controller = new AbortController()
    const pending = json('/cgi-bin/getcallbackip', { signal: controller.signal })
    const asked = fake.count.call
    while (fake.count.call === asked) await new Promise((resolve) => setTimeout(resolve, 5))
    controller.abort()
    await t.rejects(pending)
  }
  t.match(await token(), { expires_in: 7200 })
})

t.test('A wrong option is a TypeError that names it, and shows no AppSecret', async (t) => {
  const account = { appId: 'wxa', appSecret: 's' }
  const cases: [FakeWeChatOptions, RegExp][] = [
    [{ account: { kind: 'shop' as never } }, /^kind must be 'official' or 'mini'; got "shop"/],
    [{ account: { standing: 'x' as never } }, /^standing must be one of good, /],
    [{ account: { risk: 1 as never } }, /^risk must be true or false/],
    [{ account: { whitelist: ['1.2.3.4:80'] } }, /^a whitelist entry/],
    [{ account, accounts: [account] }, /^account must not/],
    [{ accounts: [account, account] }, /^each of the accounts must have its own appId/],
    [{ flappyOverlap: 2 }, /^flappyOverlap must be true, false or a number from 0 to 1; got 2/],
    [{ random: 0.5 as never }, /^random must be a function/],
    [{ now: 0 as never }, /^now must be a function/],
    [{ forceGapFrom: 'x' as never }, /^forceGapFrom must/],
    [{ limits: { tokens: 1 } as never }, /^unknown option "tokens" of limits; did you mean "token"\?/],
    [{ limits: { token: -1 } }, /^limits\.token must be a number, at least 0; got -1/],
    [{ ticketRemaining: 'no' as never }, /^ticketRemaining must be true or false/],
    [{ clientIp: 'localhost' }, /^clientIp must be an IP address/],
    [{ port: 70_000 }, /^port must be a number, at least 0 and at most 65535/],
    [{ host: '' }, /^host must/],
  ]
  for (const [options, message] of cases) await t.rejects(fakeWeChat(options), { name: 'TypeError', message })
  const secret = await fakeWeChat({ account: { appSecret: 7 as never } }).catch((error: Error) => error.message)
  t.equal(secret, 'accounts must be a list of { appId, appSecret } with at least one', 'the AppSecret is not shown')
})

t.test('A stable token with a short lifetime is not replaced by each call', async (t) => {
  const { stable, fake } = await start(t, { ttl: 10 })
  await stable()
  await stable()
  t.equal(fake.count.stableRotated, 1)
})

t.test('an uploaded file is downloaded as it was, and a form without a named file is refused', async (t) => {
  const { fake, token } = await start(t)
  const { access_token: value } = await token()
  const call = (path: string, body?: FormData | string) =>
    fetch(`${fake.url}${path}access_token=${value}`, body === undefined ? {} : { method: 'POST', body })
  const bytes = Buffer.from('00ff0d0a2d2d62', 'hex')
  const form = (filename?: string) => {
    const one = new FormData()
    if (filename === undefined) one.append('media', 'text')
    else one.append('media', new Blob([bytes], { type: 'image/png' }), filename)
    return one
  }
  const uploaded = (await (await call('/cgi-bin/media/upload?type=image&', form('图.png'))).json()) as Body
  const media = await call(`/cgi-bin/media/get?media_id=${uploaded.media_id}&`)
  t.equal(media.headers.get('content-type'), 'image/png')
  t.match(media.headers.get('content-disposition'), /^attachment; filename="/)
  t.same(Buffer.from(await media.arrayBuffer()), bytes)
  for (const [body, errcode] of [
    [form(), 41005],
    ['{}', 41005],
    [form('no-extension'), 40005],
  ] as const) {
    t.match(await (await call('/cgi-bin/media/upload?type=image&', body)).json(), { errcode })
  }
  t.match(await (await call('/cgi-bin/media/get?media_id=unknown&')).json(), { errcode: 40007 })
  const code = await call('/wxa/getwxacodeunlimit?', '{"scene":"a"}')
  t.equal(code.headers.get('content-type'), 'image/jpeg')
  t.match(await (await call('/wxa/getwxacodeunlimit?', '{}')).json(), { errcode: 40169 })
})
