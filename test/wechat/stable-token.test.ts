// Stable tokens: one client and the fake platform.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Dog } from '../../index.js'
import { createDog, memoryStore, PAGE_URL, rejectionOf, setUp, wechat } from './setup.js'

/** Seconds until a token may be forced again. */
async function secondsUntilForce(dog: Dog): Promise<number> {
  const permits = (await dog.status()).find(({ key }) => key === 'ACCESS_TOKEN_FORCED')!
  return (permits.expiresAt! - Date.now()) / 1000
}

async function setUpStable(t: Test, options: Parameters<typeof setUp>[1] = {}, dir?: string) {
  const { fake, account, dog } = await setUp(t, options, dir)
  return { fake, dog, account, wx: wechat({ ...account, stable: true }) }
}

const CALL_PATH = '/cgi-bin/getcallbackip'

t.test('a stable account uses the stable endpoint only, and a key of its own', async (t) => {
  const { fake, wx } = await setUpStable(t)
  t.equal(wx.accessToken.key, 'ACCESS_TOKEN_STABLE')
  t.equal(wx.jsapiTicket.key, 'JSAPI_TICKET')
  await wx.call(CALL_PATH)
  await wx.signUrl(PAGE_URL)
  t.equal(await wx.accessToken.get(), fake.currentToken(undefined, 'stable'))
  t.match(fake.count, { token: 0, stable: 1, forced: 0, ticket: 1, rejected: 0 })
})

t.test('two clients with different stores share one stable token', async (t) => {
  const { fake, account, wx } = await setUpStable(t)
  const other = wechat({ ...account, stable: true, dog: createDog({ store: memoryStore() }) })
  t.equal(await wx.accessToken.get(), await other.accessToken.get())
  await Promise.all([wx.call(CALL_PATH), other.call(CALL_PATH)])
  t.match(fake.count, { stableRotated: 1, forced: 0, rejected: 0 })
})

t.test('the lifetime of a stable token is what is left of it, and refreshAhead fits into it', async (t) => {
  const dir = join(t.testdir(), '.dog')
  const start = Date.now()
  const { fake, account, wx } = await setUpStable(t, { now: () => start }, dir)
  // Another client's token, in its last minutes.
  await wechat({ ...account, stable: true, dog: createDog({ store: memoryStore() }) }).accessToken.get()
  fake.advance((7200 - 345) * 1000)
  const old = await wx.accessToken.get()
  const { expiresAt, fetchedAt, ahead } = JSON.parse(readFileSync(join(dir, 'ACCESS_TOKEN_STABLE.dog'), 'utf8'))
  t.equal(expiresAt - fetchedAt, 345_000)
  t.ok(ahead > 200 && ahead <= 231, `due when the platform is sure to give another one, and not before: ${ahead}`)

  fake.advance(60_000)
  t.equal(await wx.call(CALL_PATH).then(() => fake.count.rejected), 0)
  const young = await wx.accessToken.refresh()
  t.not(young, old, 'the token is replaced in its last five minutes')
  t.match(fake.count, { stableRotated: 2, forced: 0 })
  const left = (wx.accessToken.peek()!.expiresAt - Date.now()) / 1000
  t.ok(left > 7000, `${left}`)
})

t.test(
  'silenceper subtracts a fixed margin from what is left of a token; dotdog keeps a token with a second left for that second',
  async (t) => {
    for (const remaining of [2, 1, 0.4]) {
      const start = Date.now()
      const { fake, dog, account, wx } = await setUpStable(t, { ttl: 100, stableAhead: 0.1, now: () => start })
      await wechat({ ...account, stable: true, dog: createDog({ store: memoryStore() }) }).accessToken.get()
      fake.advance((100 - remaining) * 1000)
      t.equal(await wx.accessToken.get(), fake.currentToken(undefined, 'stable'))
      const { expiresAt, fetchedAt } = (await dog.status()).find(({ key }) => key === wx.accessToken.key)!
      t.equal(expiresAt! - fetchedAt!, remaining < 1 ? 1000 : remaining * 1000)
      t.equal(fake.count.stable, 2)
    }
  },
)

t.test('a dead stable token that a plain request returns again is forced once', async (t) => {
  const { fake, dog, wx } = await setUpStable(t)
  const dead = await wx.accessToken.get()
  fake.killToken(undefined, 'stable')
  t.match(await wx.call(CALL_PATH), { ip_list: [/./, /./] })
  t.not(await wx.accessToken.get(), dead)
  const closed = await secondsUntilForce(dog)
  t.ok(closed > 20 && closed <= 30, `${closed} s`)
  t.match(fake.count, { stable: 3, forced: 1, rejected: 1 })
})

t.test('a token that another machine has replaced is fetched without force', async (t) => {
  const { fake, account, wx } = await setUpStable(t, { maxLive: 1, forceGap: 0 })
  const other = wechat({ ...account, stable: true, dog: createDog({ store: memoryStore() }) })
  await Promise.all([wx.accessToken.get(), other.accessToken.get()])
  fake.killToken(undefined, 'stable')
  await other.call(CALL_PATH)
  t.equal(fake.count.forced, 1)
  await wx.call(CALL_PATH)
  t.match(fake.count, { forced: 1, stableRotated: 2 })
  t.equal(await wx.accessToken.get(), await other.accessToken.get())
})

t.test('a second dead token within 30 s is not forced: the callers get an error, and few requests are made', async (t) => {
  const { fake, wx } = await setUpStable(t)
  await wx.accessToken.get()
  fake.killToken(undefined, 'stable')
  await wx.call(CALL_PATH)
  fake.killToken(undefined, 'stable')
  for (let i = 0; i < 5; i += 1) {
    const error = await rejectionOf(wx.call(CALL_PATH))
    t.match(error.code, /^(ERR_DOG_REJECTED|WECHAT_40001)$/)
  }
  t.equal(fake.count.forced, 1)
  t.ok(fake.count.stable <= 6, `${fake.count.stable} questions`)
})

t.test('a force quota that others have used up (45009) is remembered until midnight, and plain requests go on', async (t) => {
  const { fake, dog, wx } = await setUpStable(t, { limits: { forced: 0 } })
  await wx.accessToken.get()
  fake.killToken(undefined, 'stable')
  t.match(await rejectionOf(wx.call(CALL_PATH)), { code: 'WECHAT_40001' })
  const asked = fake.count.stable
  t.equal(asked, 3, 'the token, the same token again, and the refused force')
  t.match(await rejectionOf(wx.accessToken.refresh({ rejected: fake.currentToken(undefined, 'stable')!, force: true })), {
    code: 'ERR_DOG_REJECTED',
  })
  t.equal(fake.count.stable, asked + 1, 'requested, but no longer forced')
  const midnight = 86_400 - ((Date.now() / 1000 + 8 * 3600) % 86_400)
  t.ok(Math.abs((await secondsUntilForce(dog)) - midnight) < 30)
})

t.test('a response that is lost after a forced rotation is recovered from without a second force', async (t) => {
  const { fake, dog, wx } = await setUpStable(t)
  const dead = await wx.accessToken.get()
  fake.killToken(undefined, 'stable')
  // The plain request gets a good response, and that of the forced request is lost.
  fake.fail('stable', 'text/plain', 1)
  fake.fail('stable', 'drop-after-rotation', 1)
  t.match(await rejectionOf(wx.call(CALL_PATH)), { code: 'WECHAT_TRANSPORT' })
  t.equal(fake.count.forced, 1)
  t.ok((await secondsUntilForce(dog)) > 40, 'the arrival time of a request without a response is unknown')
  t.not(await wx.accessToken.refresh({ rejected: dead, force: true }), dead)
  t.match(await wx.call(CALL_PATH), { ip_list: [/./, /./] })
  t.match(fake.count, { forced: 1, stableRotated: 2 })
})

t.test('refresh() of a valid token forces nothing', async (t) => {
  const { fake, wx } = await setUpStable(t)
  const token = await wx.accessToken.get()
  t.equal(await wx.accessToken.refresh(), token)
  t.match(fake.count, { stable: 2, forced: 0, stableRotated: 1 })
})

t.test('the automatic refresh of a dog takes no permit to force', async (t) => {
  const { fake, account } = await setUp(t)
  const dog = createDog({ store: memoryStore(), autoRefresh: true, quota: { limit: 5 }, refreshAhead: 1000 })
  t.teardown(() => dog.close())
  const wx = wechat({ ...account, dog, stable: true })
  await wx.accessToken.get()
  fake.killToken(undefined, 'stable')
  await wx.call(CALL_PATH)
  t.match(
    (await dog.status()).find(({ key }) => key === 'ACCESS_TOKEN_FORCED'),
    { state: 'fresh', fetches: 1, quota: 20 },
  )
})

for (const fault of [40125, 40001, 40164, 40243, 89503, 45009, 45011, 41002, -1, 'html', 'truncated', 'empty-412'] as const) {
  t.test(`a stable endpoint with the fault ${fault} gets one request for many callers, until the back-off ends`, async (t) => {
    const { fake, wx } = await setUpStable(t)
    fake.fail('stable', fault)
    const calls = Array.from({ length: 10 }, () => rejectionOf(wx.call(CALL_PATH)))
    for (const error of await Promise.all(calls)) t.match(error, { code: /^WECHAT_/, retryAt: Number })
    t.match(await rejectionOf(wx.call(CALL_PATH)), { code: /^WECHAT_/, message: /WeChat/ })
    t.match(fake.count, { stable: 1, token: 0, call: 0 })
  })
}

t.test('40001 from the stable endpoint means a wrong AppSecret, not a dead token', async (t) => {
  const { fake, wx } = await setUpStable(t)
  fake.fail('stable', 40001)
  t.match((await rejectionOf(wx.call(CALL_PATH))).message, /The AppSecret does not belong to this appId/)
})

t.test('the message that processes share names the IP, although it is cut', async (t) => {
  const { fake, wx } = await setUpStable(t, { clientIp: '203.0.113.217' })
  fake.setWhitelist(['10.0.0.1'])
  t.match((await rejectionOf(wx.accessToken.get())).message, /Add 203\.0\.113\.217 to the IP whitelist/)
})

t.test('the quota option limits the fetches of tokens', async (t) => {
  const { fake, account } = await setUp(t)
  for (const stable of [false, true]) {
    const wx = wechat({ ...account, stable, quota: { limit: 1, window: 3600 } })
    await wx.accessToken.get()
    t.match(await rejectionOf(wx.accessToken.refresh()), { code: 'ERR_DOG_QUOTA' })
  }
  t.match(fake.count, { token: 1, stable: 1 })
  t.throws(() => wechat({ ...account, prefix: 'Q_', quota: 5 as never }), { name: 'TypeError', message: /^quota must/ })
})
