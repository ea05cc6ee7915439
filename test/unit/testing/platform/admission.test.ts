/** Authentication: the order of the checks, whitelists, the administrator, frozen accounts. */
import t from 'tap'
import { a, setUp } from './setup.js'

const form = { grant_type: 'client_credential', appid: 'wxa', secret: 'sa' }

t.test('stable_token accepts only a POST with a JSON object', async (t) => {
  const { ask, post } = setUp()
  t.match(ask('GET', '/cgi-bin/stable_token', form).body, { errcode: 43002, errmsg: /^require POST method rid: / })
  for (const body of ['', 'grant_type=client_credential&appid=wxa&secret=sa', '{"appid":"wxa"', '[]', 'null', '7', '{}']) {
    t.match(post('/cgi-bin/stable_token', body).body, { errcode: 41002, errmsg: /^appid missing rid: / }, body)
  }
  t.equal(post('/cgi-bin/stable_token', '', form).errcode, 41002, 'the query is not read')
  const { body } = post('/cgi-bin/stable_token', form)
  t.strictSame(Object.keys(body), ['access_token', 'expires_in'])
})

t.test('The errors of a stable_token request are found in the order of the real platform', async (t) => {
  const { post } = setUp()
  const code = (body: object) => post('/cgi-bin/stable_token', body).errcode
  t.equal(code({ ...form, appid: undefined }), 41002)
  t.equal(code({ appid: 'wxz' }), 40013)
  t.equal(code({ appid: 'wxa' }), 41004)
  t.equal(code({ ...form, secret: 7 }), 41004)
  t.equal(code({ ...form, secret: 'sb', grant_type: 'x' }), 40125)
  t.equal(code({ ...form, grant_type: 'x' }), 40002)
  t.equal(code({ ...form, force_refresh: 'true' }), 0)
})

t.test(
  'A request with every error gets them one by one: account, address, confirmation, secret, grant type, quota',
  async (t) => {
    const { platform, ask } = setUp({ limits: { token: 0 } }, [
      { ...a, standing: 'secret-frozen', whitelist: ['10.9.9.9'], risk: true },
    ])
    const query: Record<string, string> = { appid: 'wxz' }
    const codes = [ask('GET', '/cgi-bin/token', {}).errcode]
    const state = platform.account()
    const repairs = [
      () => {},
      () => (query.appid = 'wxa'),
      () => (state.standing = 'good'),
      () => (state.isWhitelisted = () => true),
      () => state.ipConfirmation.confirm('10.0.0.7'),
      () => (query.secret = 'wrong'),
      () => (query.secret = 'sa'),
      () => (query.grant_type = 'client_credential'),
    ]
    for (const repair of repairs) {
      repair()
      codes.push(ask('GET', '/cgi-bin/token', query).errcode)
    }
    t.same(codes, [41002, 40013, 40243, 40164, 89503, 41004, 40125, 40002, 45009])
  },
)

t.test('The text of 40164 shows the address in its IPv4 and IPv6 form', async (t) => {
  const { fetchToken, fetchStable } = setUp({}, [{ ...a, whitelist: ['1.2.3.4'] }])
  const text = /^invalid ip 182\.150\.41\.147 ipv6 ::ffff:182\.150\.41\.147, not in whitelist rid: [0-9a-f-]{26}$/
  t.match(fetchToken(a, '182.150.41.147').body, { errcode: 40164, errmsg: text })
  t.match(fetchStable(false, a, '182.150.41.147').body, { errcode: 40164, errmsg: text })
  t.equal(fetchToken(a, '1.2.3.4').errcode, 0)
})

t.test(
  'The whitelist of an official account guards every call, and that of a mini program only calls with the AppSecret',
  async (t) => {
    for (const [kind, business] of [
      ['official', 40164],
      ['mini', 0],
    ] as const) {
      const { ask, post, fetchToken, fetchStable } = setUp({}, [{ ...a, kind, whitelist: ['1.2.3.4'] }])
      const access_token = fetchToken(a, '1.2.3.4').body.access_token as string
      const off = '9.9.9.9'
      t.same([fetchToken(a, off).errcode, fetchStable(false, a, off).errcode], [40164, 40164], kind)
      t.equal(post('/cgi-bin/clear_quota/v2', { appid: 'wxa', appsecret: 'sa' }, {}, off).errcode, 40164)
      const login = { appid: 'wxa', secret: 'sa', js_code: 'c', grant_type: 'authorization_code' }
      t.match(ask('GET', '/sns/jscode2session', login, '', off).body, { errcode: 40164, errmsg: /whitelist, rid: / })
      t.equal(ask('GET', '/cgi-bin/getcallbackip', { access_token }, '', off).errcode, business, kind)
      t.equal(ask('GET', '/cgi-bin/ticket/getticket', { access_token, type: 'jsapi' }, '', off).errcode, business, kind)
      t.equal(post('/cgi-bin/message/custom/send', {}, { access_token }, off).errcode, business, kind)
    }
  },
)

t.test('After the administrator confirms an address, its calls succeed', async (t) => {
  const { platform, fetchToken, fetchStable, probe } = setUp({}, [{ ...a, risk: true }])
  t.same([fetchToken().errcode, fetchStable().errcode], [89503, 89503])
  t.same(platform.account().ipConfirmation.confirm(), ['10.0.0.7'])
  const answer = fetchToken()
  t.equal(answer.errcode, 0)
  t.equal(probe(answer.body.access_token as string), 0)
})

t.test('The administrator rejects an address for an hour, and for a day the second time', async (t) => {
  const { platform, fetchToken, setTime } = setUp({}, [{ ...a, risk: true }])
  const { ipConfirmation: risk } = platform.account()
  const hour = 3600
  t.equal(fetchToken().errcode, 89503)
  risk.reject(platform.now())
  t.equal(fetchToken().errcode, 89507)
  setTime(hour)
  t.equal(fetchToken().errcode, 89503)
  risk.reject(platform.now())
  t.equal(fetchToken().errcode, 89506)
  setTime(25 * hour - 1)
  t.equal(fetchToken().errcode, 89506)
  setTime(25 * hour)
  t.equal(fetchToken().errcode, 89503)
  t.same([platform.count.rotated, platform.account().dailyQuota('/cgi-bin/token').used(platform.now())], [0, 0])
})

t.test('Each standing of an account refuses its own set of calls with its own errcode', async (t) => {
  const cases = [
    // token, stable_token, clear_quota/v2, a business call
    ['good', 0, 0, 0, 0],
    ['secret-frozen', 40243, 40243, 40243, 0],
    ['punished', 50004, 50004, 0, 0],
    ['limited', 50002, 50002, 50002, 50002],
    ['frozen', 50007, 50007, 50007, 0],
  ] as const
  for (const [standing, ...expected] of cases) {
    const { platform, token, probe, fetchToken, fetchStable, post } = setUp()
    const held = token()
    platform.account().standing = standing
    const clear = post('/cgi-bin/clear_quota/v2', { appid: 'wxa', appsecret: 'sa' })
    t.same([fetchToken().errcode, fetchStable().errcode, clear.errcode, probe(held)], expected, standing)
    t.equal(fetchToken({ appId: 'wxb', appSecret: 'sb' }).errcode, 0, 'the other account is not affected')
  }
})

t.test('The errmsg of a punished and of a limited account is the observed text', async (t) => {
  const { platform, fetchToken } = setUp()
  platform.account().standing = 'punished'
  t.match(fetchToken().body.errmsg, /^user not allow to use accesstoken, maybe for punishment rid: /)
  platform.account().standing = 'limited'
  t.match(fetchToken().body.errmsg, /^user limited rid: /)
})

t.test('A token of another purpose is refused with 40014', async (t) => {
  const { platform, probe } = setUp()
  platform.account().foreignTokens.add('web-login')
  t.equal(probe('web-login'), 40014)
  t.equal(probe('2'), 40001, 'an arbitrary text is refused with 40001')
  t.equal(platform.count.rejected, 2)
})

t.test('With `requireHttps` a request over HTTP is refused with 43003', async (t) => {
  const { platform, ask } = setUp({ requireHttps: true })
  t.match(ask('GET', '/cgi-bin/token', form).body, { errcode: 43003, errmsg: /^require https/ })
  const request = { method: 'GET', path: '/cgi-bin/token', query: new URLSearchParams(form), body: '', ip: '10.0.0.7' }
  t.equal(platform.respond({ ...request, isHttps: true }).errcode, 0)
})

t.test('The login of a mini program checks its code, and its errmsg has a comma before the rid', async (t) => {
  const { ask } = setUp({}, [{ ...a, kind: 'mini' }])
  const login = { appid: 'wxa', secret: 'sa', grant_type: 'authorization_code' }
  t.match(ask('GET', '/sns/jscode2session', login).body, { errcode: 40029, errmsg: /^invalid code, rid: / })
  t.match(ask('GET', '/sns/jscode2session', { ...login, secret: 'x' }).body.errmsg, /^invalid appsecret, rid: /)
  t.match(ask('GET', '/sns/jscode2session', { ...login, js_code: 'c' }).body, { openid: /^o\w{27}$/, session_key: /=$/ })
})
