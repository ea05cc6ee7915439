/** Quotas, the paths that show and reset them, and request ids. */
import t from 'tap'
import { a, b, setUp } from './setup.js'

const DAY = 86_400

t.test('The 2001st classic token of a day is refused with a hint at stable_token, until midnight in Beijing', async (t) => {
  const { platform, fetchToken, setTime } = setUp()
  for (let i = 0; i < 2000; i += 1) if (fetchToken().errcode !== 0) t.fail(`the ${i}th`)
  const { body } = fetchToken()
  t.match(body, {
    errcode: 45009,
    errmsg: /^reach max api daily quota limit, could get access_token by getStableAccessToken, /,
  })
  t.equal(platform.count.rotated, 2000)
  t.equal(fetchToken(b).errcode, 0, 'another account has its own counter')
  setTime(16 * 3600 - 1)
  t.equal(fetchToken().errcode, 45009)
  setTime(16 * 3600) // midnight in Beijing
  t.equal(fetchToken().errcode, 0)
})

t.test('stable_token has a quota per minute and one per day', async (t) => {
  const { fetchStable, advance } = setUp({ limits: { stablePerMinute: 3, stable: 5 } })
  const codes = (count: number) => Array.from({ length: count }, () => fetchStable().errcode)
  t.same(codes(5), [0, 0, 0, 45011, 45011])
  t.match(fetchStable().body.errmsg, /^api minute-quota reach limit, must slower, retry next minute/)
  advance(60)
  t.same(codes(4), [0, 0, 45009, 45009])
  t.match(fetchStable().body.errmsg, /^reach max api daily quota limit rid: /)
  advance(DAY)
  t.same(codes(1), [0])
})

t.test('The default limits of stable_token are 10 000 calls a minute and 500 000 a day', async (t) => {
  const { fetchStable, platform } = setUp()
  for (let i = 0; i < 10_000; i += 1) if (fetchStable().errcode !== 0) t.fail(`the ${i}th`)
  t.equal(fetchStable().errcode, 45011)
  t.equal(platform.account().dailyQuota('/cgi-bin/stable_token').limit, 500_000)
})

t.test('The limits of tickets and calls can be set, and each path has its own counter', async (t) => {
  const { token, fetchTicket, probe, ask } = setUp({ limits: { ticket: 1, call: 1 } })
  const held = token()
  t.same([fetchTicket(held).errcode, fetchTicket(held).errcode], [0, 45009])
  t.same([probe(held), probe(held)], [0, 45009])
  t.equal(ask('GET', '/cgi-bin/user/info', { access_token: held, openid: 'o' }).errcode, 0, 'another path has its own counter')
})

t.test('clear_quota and its v2 reset all counters, together ten times a month', async (t) => {
  const { platform, token, stable, fetchToken, fetchStable, post, setTime } = setUp({
    limits: { token: 1, forced: 1, stablePerMinute: 2 },
  })
  const access_token = token()
  const clear = () => post('/cgi-bin/clear_quota', { appid: 'wxa' }, { access_token })
  const clear2 = () => post('/cgi-bin/clear_quota/v2', { appid: 'wxa', appsecret: 'sa' })
  stable()
  t.same([fetchToken().errcode, fetchStable(true).errcode, fetchStable().errcode], [45009, 0, 45011])
  t.match(clear().body, { errcode: 0, errmsg: 'ok' })
  t.same([fetchToken().errcode, fetchStable().errcode], [0, 0])
  setTime(30)
  t.same([fetchStable(true).errcode, platform.count.forced], [0, 2], 'the forced refreshes of the day are reset too')
  for (let i = 0; i < 9; i += 1) t.equal((i % 2 === 0 ? clear2 : clear)().errcode, 0)
  t.match(clear().body, { errcode: 48006, errmsg: /^forbid to clear quota because of reaching the limit rid: / })
  t.equal(clear2().errcode, 48006)
  setTime(31 * DAY)
  t.equal(clear2().errcode, 0, 'the quota of resets is new in the next month')
})

t.test('clear_quota accepts only the AppID of the account of the token', async (t) => {
  const { token, post } = setUp()
  const access_token = token()
  const code = (body: unknown, query = { access_token }) => post('/cgi-bin/clear_quota', body, query).errcode
  t.same([code(''), code('x'), code({}), code({ appid: 'wxb' })], [44002, 47001, 41002, 40013])
  t.equal(code({ appid: 'wxa' }, { access_token: 'x' }), 40001)
})

t.test('clear_quota/v2 reads its fields from the body or the query, and needs no token', async (t) => {
  const { post, platform } = setUp()
  const path = '/cgi-bin/clear_quota/v2'
  t.equal(post(path, '', { appid: 'wxa', appsecret: 'sa' }).errcode, 0)
  t.equal(post(path, { appid: 'wxa', appsecret: 'wrong' }).errcode, 40125)
  t.same([post(path, {}).errcode, post(path, { appid: 'wxa' }).errcode], [41002, 41004])
  t.equal(platform.account().monthlyClears.used(platform.now()), 1)
})

t.test('openapi/quota/get returns the used and the remaining calls of a path', async (t) => {
  const { token, stable, post } = setUp()
  const [, access_token] = [token(), token()]
  const quota = (cgi_path: unknown) => post('/cgi-bin/openapi/quota/get', { cgi_path }, { access_token }).body
  t.match(quota('/cgi-bin/token'), { errcode: 0, quota: { daily_limit: 2000, used: 2, remain: 1998 } })
  stable()
  t.match(quota('/cgi-bin/stable_token'), {
    quota: { daily_limit: 500_000, used: 1, remain: 499_999 },
    rate_limit: { call_count: 10_000, refresh_second: 60 },
  })
  t.match(quota('/cgi-bin/message/custom/send'), { quota: { used: 0 } })
  t.match(quota('/cgi-bin/nothing'), { errcode: 76021 })
  t.match(quota(undefined), { errcode: 76021 })
  t.match(quota('/sns/jscode2session'), { errcode: 76022 })
})

t.test('openapi/quota/clear resets the counter of one path', async (t) => {
  const { token, fetchToken, post } = setUp({ limits: { token: 1, clearPath: 1 } })
  const access_token = token()
  const clear = () => post('/cgi-bin/openapi/quota/clear', { cgi_path: '/cgi-bin/token' }, { access_token }).errcode
  t.equal(fetchToken().errcode, 45009)
  t.equal(clear(), 0)
  t.equal(fetchToken().errcode, 0)
  t.equal(clear(), 48006)
})

t.test('openapi/rid/get shows a request of the same account, without anything secret', async (t) => {
  const { token, post, fetchToken, setTime } = setUp()
  const [access_token, theirs] = [token(), token(b)]
  const { rid } = fetchToken({ ...a, appSecret: 'wrong-secret' })
  const get = (rid: unknown, access = access_token) => post('/cgi-bin/openapi/rid/get', { rid }, { access_token: access }).body
  const found = get(rid)
  const request = { request_url: '/cgi-bin/token', response_body: '{"errcode":40125}', client_ip: '10.0.0.7' }
  t.match(found, { errcode: 0, request })
  t.notOk(JSON.stringify(found).includes('secret'))
  t.match(get('00000000-00000000-00000000'), { errcode: 76004 })
  t.match(get(`${rid.slice(0, 18)}00000000`), { errcode: 76001 })
  t.match(get('x'), { errcode: 76002 })
  t.match(get(undefined), { errcode: 76002 })
  t.match(get(rid, theirs), { errcode: 76003 }, 'a request of another account')
  setTime(7 * DAY + 1)
  t.match(get(rid, token()), { errcode: 76004 })
})

t.test('The address lists and callback/check respond as documented', async (t) => {
  const { ask, post, token } = setUp()
  const access_token = token()
  for (const path of ['/cgi-bin/getcallbackip', '/cgi-bin/get_api_domain_ip']) {
    const { body } = ask('GET', path, { access_token })
    t.strictSame(Object.keys(body), ['ip_list'])
    t.ok((body.ip_list as string[]).every((entry) => /^127\.\d+\.\d+\.\d+(\/\d+)?$/.test(entry)))
  }
  const check = (action: string, check_operator: string) =>
    post('/cgi-bin/callback/check', { action, check_operator }, { access_token }).body
  t.strictSame(Object.keys(check('all', 'DEFAULT')), ['dns', 'ping'])
  t.strictSame(Object.keys(check('dns', 'CAP')), ['dns'])
  t.match(check('ping', 'UNICOM'), { ping: [{ package_loss: '0%', time: /^[\d.]+ms$/ }] })
  t.match([check('x', 'CAP'), check('dns', 'x')], [{ errcode: 40202 }, { errcode: 40203 }])
})
