import t from 'tap'
import { a, b, START_MS, setUp } from './setup.js'

t.test('A token response has no errcode, the whole lifetime, and a token of the real shape', async (t) => {
  const { ask } = setUp()
  const { body } = ask('GET', '/cgi-bin/token', { grant_type: 'client_credential', appid: 'wxa', secret: 'sa' })
  t.strictSame(Object.keys(body), ['access_token', 'expires_in'])
  t.equal(body.expires_in, 7200)
  t.match(body.access_token, /^\d+_[\w-]{132}$/)
})

t.test('The errors of a token request are found in the order of the real platform', async (t) => {
  const { ask, platform } = setUp()
  const code = (query: Record<string, string>) => ask('GET', '/cgi-bin/token', query).errcode
  t.equal(code({}), 41002)
  t.equal(code({ appid: 'wxz' }), 40013, 'the AppID is checked before the grant type')
  t.equal(code({ appid: 'WXA', secret: 'sa' }), 40013, 'an appid is case-sensitive')
  t.equal(code({ appid: 'wxa' }), 41004)
  t.equal(code({ appid: 'wxa', secret: '' }), 41004)
  t.equal(code({ appid: 'wxa', secret: 'sb' }), 40125)
  t.equal(code({ appid: 'wxa', secret: 'sa', grant_type: 'client_credentials' }), 40002)
  t.equal(platform.count.token, 7, 'refused requests are counted')
  t.equal(platform.count.rotated, 0, 'and rotate no token')
})

t.test('Every errmsg ends with a rid that contains the time', async (t) => {
  const { ask } = setUp()
  const { body, rid } = ask('GET', '/cgi-bin/token', { appid: 'wxz' })
  t.equal(body.errmsg, `invalid appid rid: ${rid}`)
  t.match(rid, /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$/)
  t.equal(Number.parseInt(rid.slice(0, 8), 16), START_MS / 1000)
})

t.test('A fetch rotates the token, and the replaced one dies five minutes later', async (t) => {
  const { token, probe, advance, platform } = setUp()
  const [one, two] = [token(), token()]
  t.not(one, two)
  t.equal(platform.account('wxa').legacy.newest, two)
  t.same([probe(one), probe(two)], [0, 0])
  advance(300)
  t.same([probe(one), probe(two)], [40001, 0])
  advance(6900)
  t.equal(probe(two), 42001)
  t.equal(platform.count.rejected, 2)
})

t.test('Three fetches within the overlap kill the first token', async (t) => {
  const { token, probe } = setUp()
  const tokens = [token(), token(), token()]
  t.same(tokens.map(probe), [40001, 0, 0])
})

t.test('Killing the token of one account leaves the tokens of other accounts alive', async (t) => {
  const { token, probe, platform } = setUp()
  const [mine, yours] = [token(a), token(b)]
  platform.account('wxa').legacy.kill()
  t.same([probe(mine), probe(yours)], [40001, 0])
  t.throws(() => platform.account('wxz'), TypeError)
})

t.test('getticket and business calls refuse a dead token with the errmsg of the real platform', async (t) => {
  const { ask, token, platform } = setUp()
  const access_token = token()
  platform.account().legacy.kill()
  const answers = [
    ask('GET', '/cgi-bin/ticket/getticket', { access_token, type: 'jsapi' }),
    ask('GET', '/cgi-bin/user/info', { access_token, openid: 'o' }),
    ask('POST', '/cgi-bin/message/custom/send', { access_token }, '{}'),
  ]
  for (const { body } of answers) {
    t.equal(body.errcode, 40001)
    t.match(body.errmsg, /^invalid credential, access_token is invalid or not latest, could get access_token by getStable/)
  }
  t.equal(ask('GET', '/cgi-bin/getcallbackip', {}).body.errcode, 41001)
  t.equal(platform.count.rejected, 3, 'a missing token is not counted as a dead one')
})

t.test('getticket returns one ticket a window with expires_in 7200, whatever the token', async (t) => {
  const { ask, token, advance, platform } = setUp()
  const ticket = () => ask('GET', '/cgi-bin/ticket/getticket', { access_token: token(), type: 'jsapi' }).body
  const first = ticket()
  t.match(first, { errcode: 0, errmsg: 'ok', expires_in: 7200 })
  t.match(first.ticket, /^[\w-]{86}$/)
  advance(7000)
  t.same(ticket(), first)
  advance(200)
  t.not(ticket().ticket, first.ticket)
  t.equal(platform.count.ticket, 3)
})

t.test('Business calls check their parameters and their method', async (t) => {
  const { ask, token } = setUp()
  const access_token = token()
  t.equal(ask('GET', '/cgi-bin/user/info', { access_token }).errcode, 40003)
  t.match(ask('GET', '/cgi-bin/user/info', { access_token, openid: 'o1' }).body, { openid: 'o1', subscribe: 1 })
  t.equal(ask('GET', '/cgi-bin/message/custom/send', { access_token }).errcode, 43002)
  t.equal(ask('POST', '/cgi-bin/message/custom/send', { access_token }).errcode, 44002)
  t.equal(ask('POST', '/cgi-bin/message/custom/send', { access_token }, 'a=1').errcode, 47001)
  t.match(ask('POST', '/cgi-bin/message/template/send', { access_token }, '{}').body, { errcode: 0, errmsg: 'ok' })
})

t.test('An unknown path is refused with 40066', async (t) => {
  const { ask, platform } = setUp()
  t.match(ask('GET', '/cgi-bin/nothing', {}), { endpoint: undefined, errcode: 40066 })
  t.equal(platform.count.unknown, 1)
})

t.test('With `sameToken` the token endpoint returns the same token even if it is dead', async (t) => {
  const { platform, token, probe } = setUp()
  platform.sameToken = true
  const first = token()
  t.equal(token(), first)
  platform.account().legacy.kill()
  t.equal(token(), first)
  t.equal(probe(first), 40001)
  t.match(platform.count, { token: 3, rotated: 1 })
})

t.test('An ordered errcode is the response, and the request is not processed', async (t) => {
  const { platform } = setUp()
  const request = { method: 'GET', path: '/cgi-bin/token', query: new URLSearchParams(), body: '', ip: '10.0.0.7' }
  t.match(platform.respond(request, 40164).body, {
    errcode: 40164,
    errmsg: /^invalid ip 10\.0\.0\.7 ipv6 ::ffff:10\.0\.0\.7, not in/,
  })
  t.match(platform.respond(request, 45009).body.errmsg, /daily quota limit, could get access_token by getStable/)
  t.match(platform.count, { token: 2, rotated: 0 })
})
