// A client that asks again for the token it has thereby reports the token as dead. A probe checks
// the report.
import t from 'tap'
import { ask, query, serveAccounts, setUp, stableOf, tokenOf } from './setup.js'

const DEAD = 40001

t.test('A client that asks again for a living token gets it again after a probe, without a fetch', async (t) => {
  const { fake, token, add, probes, advance } = await setUp(t)
  const secret = add('shop')
  const first = await token(secret)
  t.same(probes(), [], 'the first request is no report')
  t.same(await token(secret), first)
  t.same(probes(), [0])
  for (let times = 0; times < 20; times++) t.same(await token(secret), first)
  t.same(probes(), [0], 'one probe in 30 s')
  advance(31)
  await token(secret)
  await token(secret)
  t.same(probes(), [0, 0])
  t.equal(fake.count.token, 1)
})

t.test('Asking again shortly before or after expires_in is no report, nor is asking as another client', async (t) => {
  const { token, add, probes, advance } = await setUp(t)
  const secret = add('shop')
  await token(secret)
  await token(add('bar'))
  advance(291)
  t.match(await token(secret), { expires_in: 300 }, 'co-wechat-api renews ten seconds early')
  advance(300)
  await token(secret)
  t.same(probes(), [])
  advance(200)
  await token(secret)
  t.same(probes(), [0], 'this request is too early for a renewal')
})

t.test('Asking for a token that the client does not have yet is no report', async (t) => {
  const { fake, token, add, probes, wx } = await setUp(t)
  const secret = add('shop')
  const first = await token(secret)
  await wx.accessToken.refresh()
  const second = await token(secret)
  t.same(second, { access_token: fake.currentToken(), expires_in: 300 })
  t.not(second.access_token, first.access_token)
  t.same(probes(), [])
})

t.test('A token that died at the platform is replaced by one fetch before the client is answered', async (t) => {
  const { fake, token, add, probes } = await setUp(t)
  const secret = add('shop')
  const first = await token(secret)
  fake.killToken()
  const second = await token(secret)
  t.not(second.access_token, first.access_token)
  t.same(second, { access_token: fake.currentToken(), expires_in: 300 })
  // The second probe shows that the new token is alive.
  t.same(probes(), [DEAD, 0])
  t.equal(fake.count.token, 2)
})

t.test('A hundred simultaneous reports cause one probe and one fetch', async (t) => {
  const { fake, token, add, probes } = await setUp(t, { fake: { delay: 30 } })
  const secrets = Array.from({ length: 50 }, (_, index) => add(`client-${index}`))
  await Promise.all(secrets.map(token))
  fake.killToken()
  const storm = await Promise.all([...secrets, ...secrets].map(token))
  t.same(new Set(storm.map(({ access_token }) => access_token)), new Set([fake.currentToken()]))
  t.same(probes(), [DEAD, 0])
  t.equal(fake.count.token, 2)
})

t.test('A dead stable token is forced once, whichever path reports it', async (t) => {
  const { fake, token, add, probes, url, appId } = await setUp(t, { stable: true })
  const secret = add('shop')
  const first = await token(secret)
  fake.killToken(undefined, 'stable')
  const { json } = await stableOf(url, { appid: appId, secret })
  t.not(json.access_token, first.access_token)
  t.equal(json.access_token, fake.currentToken(appId, 'stable'))
  t.equal((await token(secret)).access_token, json.access_token)
  t.same(probes(), [DEAD, 0])
  t.match(fake.count, { forced: 1, token: 0 })
})

t.test('A probe that fails changes nothing', async (t) => {
  for (const fault of ['html', 'drop', 'truncated', -1, 45009, 50002] as const) {
    const { fake, token, add } = await setUp(t)
    const secret = add('shop')
    const first = await token(secret)
    fake.fail('call', fault)
    t.same(await token(secret), first, String(fault))
    t.equal(fake.count.token, 1)
  }
})

t.test('A probe without an answer delays clients only briefly', async (t) => {
  const { fake, token, add } = await setUp(t, { fake: { slow: 60_000 } })
  const secret = add('shop')
  const first = await token(secret)
  fake.fail('call', 'slow')
  const begun = performance.now()
  t.same(await Promise.all([token(secret), token(secret)]), [first, first])
  t.ok(performance.now() - begun < 20_000)
  t.equal(fake.log.filter(({ path }) => path === '/cgi-bin/getcallbackip').length, 1, 'both reports share one probe')
})

t.test('Asking again for a ticket is no report, because no call tells a dead ticket', async (t) => {
  const { fake, token, add, probes, url } = await setUp(t)
  const { access_token } = await token(add('shop'))
  const path = `/cgi-bin/ticket/getticket${query({ access_token, type: 'jsapi' })}`
  const [{ json: first }, { json: again }] = [await ask(url, path), await ask(url, path)]
  t.equal(again.ticket, first.ticket)
  t.same(probes(), [])
  t.equal(fake.count.ticket, 1)
})

t.test('Two accounts are probed independently', async (t) => {
  const accounts = ['wxa', 'wxb'].map((appId) => ({ appId, appSecret: `secret-of-${appId}` }))
  const { fake, url, add } = await serveAccounts(t, accounts, ['legacy'])
  const secret = add('shop')
  const [a, b] = [await tokenOf(url, 'wxa', secret), await tokenOf(url, 'wxb', secret)]
  t.not(a.access_token, b.access_token)
  fake.killToken('wxb')
  t.equal((await tokenOf(url, 'wxa', secret)).access_token, a.access_token)
  t.not((await tokenOf(url, 'wxb', secret)).access_token, b.access_token)
  t.equal(fake.count.token, 3)
})

t.test('An account with both families of tokens answers each at its own path', async (t) => {
  const { fake, url, add } = await serveAccounts(t, [{ appId: 'wxa', appSecret: 's' }], ['legacy', 'stable'])
  const secret = add('shop')
  t.equal((await tokenOf(url, 'wxa', secret)).access_token, fake.currentToken('wxa', 'legacy'))
  const { json } = await stableOf(url, { appid: 'wxa', secret })
  t.equal(json.access_token, fake.currentToken('wxa', 'stable'))
})
