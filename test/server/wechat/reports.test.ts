// A client that asks again for what it has says by that that it is dead. It is not believed, but looked at.
import t from 'tap'
import { ask, query, serveAccounts, setUp, stableOf, tokenOf } from './setup.js'

const DEAD = 40001

t.test('a client that asks again for a living token gets it again: a probe, and no fetch', async (t) => {
  const { fake, token, add, probes, advance } = await setUp(t)
  const secret = add('shop')
  const first = await token(secret)
  t.same(probes(), [], 'the first question is none')
  t.same(await token(secret), first)
  t.same(probes(), [0])
  for (let times = 0; times < 20; times++) t.same(await token(secret), first)
  t.same(probes(), [0], 'one in 30 s')
  advance(31)
  await token(secret)
  await token(secret)
  t.same(probes(), [0, 0])
  t.equal(fake.count.token, 1)
})

t.test('a client that asks again when its time is over reports nothing, and another client neither', async (t) => {
  const { token, add, probes, advance } = await setUp(t)
  const secret = add('shop')
  await token(secret)
  await token(add('bar'))
  advance(291)
  t.match(await token(secret), { expires_in: 300 }, 'co-wechat-api is ten seconds early')
  advance(300)
  await token(secret)
  t.same(probes(), [])
  advance(200)
  await token(secret)
  t.same(probes(), [0], 'this one is before its time')
})

t.test('a client that asks for a token which it does not have yet reports nothing', async (t) => {
  const { fake, token, add, probes, wx } = await setUp(t)
  const secret = add('shop')
  const first = await token(secret)
  await wx.accessToken.refresh()
  const second = await token(secret)
  t.same(second, { access_token: fake.currentToken(), expires_in: 300 })
  t.not(second.access_token, first.access_token)
  t.same(probes(), [])
})

t.test('a token that was killed at the platform is replaced before the client is answered, by one fetch', async (t) => {
  const { fake, token, add, probes } = await setUp(t)
  const secret = add('shop')
  const first = await token(secret)
  fake.killToken()
  const second = await token(secret)
  t.not(second.access_token, first.access_token)
  t.same(second, { access_token: fake.currentToken(), expires_in: 300 })
  // The second one is how we know that the new token lives.
  t.same(probes(), [DEAD, 0])
  t.equal(fake.count.token, 2)
})

t.test('a storm of reports is one probe and one fetch', async (t) => {
  const { fake, token, add, probes } = await setUp(t, { fake: { delay: 30 } })
  const secrets = Array.from({ length: 50 }, (_, index) => add(`client-${index}`))
  await Promise.all(secrets.map(token))
  fake.killToken()
  const storm = await Promise.all([...secrets, ...secrets].map(token))
  t.same(new Set(storm.map(({ access_token }) => access_token)), new Set([fake.currentToken()]))
  t.same(probes(), [DEAD, 0])
  t.equal(fake.count.token, 2)
})

t.test('a stable token that was killed is forced once, whichever way it is reported', async (t) => {
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

t.test('a probe that goes wrong changes nothing', async (t) => {
  for (const fault of ['html', 'drop', 'truncated', -1, 45009, 50002] as const) {
    const { fake, token, add } = await setUp(t)
    const secret = add('shop')
    const first = await token(secret)
    fake.fail('call', fault)
    t.same(await token(secret), first, String(fault))
    t.equal(fake.count.token, 1)
  }
})

t.test('a probe without an answer keeps nobody waiting for long', async (t) => {
  const { fake, token, add } = await setUp(t, { fake: { slow: 60_000 } })
  const secret = add('shop')
  const first = await token(secret)
  fake.fail('call', 'slow')
  const begun = performance.now()
  t.same(await Promise.all([token(secret), token(secret)]), [first, first])
  t.ok(performance.now() - begun < 20_000)
  t.equal(fake.log.filter(({ path }) => path === '/cgi-bin/getcallbackip').length, 1, 'shared')
})

t.test('a ticket asked for again is no report: nothing tells a dead one', async (t) => {
  const { fake, token, add, probes, url } = await setUp(t)
  const { access_token } = await token(add('shop'))
  const path = `/cgi-bin/ticket/getticket${query({ access_token, type: 'jsapi' })}`
  const [{ json: first }, { json: again }] = [await ask(url, path), await ask(url, path)]
  t.equal(again.ticket, first.ticket)
  t.same(probes(), [])
  t.equal(fake.count.ticket, 1)
})

t.test('two accounts are probed apart', async (t) => {
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

t.test('one account served with both families gives each at its path', async (t) => {
  const { fake, url, add } = await serveAccounts(t, [{ appId: 'wxa', appSecret: 's' }], ['legacy', 'stable'])
  const secret = add('shop')
  t.equal((await tokenOf(url, 'wxa', secret)).access_token, fake.currentToken('wxa', 'legacy'))
  const { json } = await stableOf(url, { appid: 'wxa', secret })
  t.equal(json.access_token, fake.currentToken('wxa', 'stable'))
})
