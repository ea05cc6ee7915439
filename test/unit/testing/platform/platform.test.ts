import t from 'tap'
import { a, b, platform, start } from './setup.js'

t.test('a token answer has no errcode, the whole lifetime, and the shape of a real token', async (t) => {
  const { ask } = platform()
  const { body } = ask('GET', '/cgi-bin/token', { grant_type: 'client_credential', appid: 'wxa', secret: 'sa' })
  t.strictSame(Object.keys(body), ['access_token', 'expires_in'])
  t.equal(body.expires_in, 7200)
  t.match(body.access_token, /^\d+_[\w-]{132}$/)
})

t.test('what is wrong with a token request is told in the order of the real platform', async (t) => {
  const { ask, it } = platform()
  const code = (query: Record<string, string>) => ask('GET', '/cgi-bin/token', query).errcode
  t.equal(code({}), 41002)
  t.equal(code({ appid: 'wxz' }), 40013, 'before the grant type')
  t.equal(code({ appid: 'WXA', secret: 'sa' }), 40013, 'an appid is case-sensitive')
  t.equal(code({ appid: 'wxa' }), 41004)
  t.equal(code({ appid: 'wxa', secret: '' }), 41004)
  t.equal(code({ appid: 'wxa', secret: 'sb' }), 40125)
  t.equal(code({ appid: 'wxa', secret: 'sa', grant_type: 'client_credentials' }), 40002)
  t.equal(it.count.token, 7, 'bad requests count')
  t.equal(it.count.rotated, 0, 'and rotate nothing')
})

t.test('every text ends with a rid that holds the time', async (t) => {
  const { ask } = platform()
  const { body, rid } = ask('GET', '/cgi-bin/token', { appid: 'wxz' })
  t.equal(body.errmsg, `invalid appid rid: ${rid}`)
  t.match(rid, /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$/)
  t.equal(Number.parseInt(rid.slice(0, 8), 16), start / 1000)
})

t.test('a fetch rotates: the old token dies five minutes later', async (t) => {
  const { token, probe, wait, it } = platform()
  const [one, two] = [token(), token()]
  t.not(one, two)
  t.equal(it.account('wxa').legacy.newest, two)
  t.same([probe(one), probe(two)], [0, 0])
  wait(300)
  t.same([probe(one), probe(two)], [40001, 0])
  wait(6900)
  t.equal(probe(two), 42001)
  t.equal(it.count.rejected, 2)
})

t.test('three quick fetches kill the first token inside the overlap', async (t) => {
  const { token, probe } = platform()
  const tokens = [token(), token(), token()]
  t.same(tokens.map(probe), [40001, 0, 0])
})

t.test('accounts do not disturb each other', async (t) => {
  const { token, probe, it } = platform()
  const [mine, yours] = [token(a), token(b)]
  it.account('wxa').legacy.kill()
  t.same([probe(mine), probe(yours)], [40001, 0])
  t.throws(() => it.account('wxz'), TypeError)
})

t.test('a dead token is refused by getticket and by business calls, in the words of the real platform', async (t) => {
  const { ask, token, it } = platform()
  const access_token = token()
  it.account().legacy.kill()
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
  t.equal(it.count.rejected, 3, 'a missing token is a bug, not a dead token')
})

t.test('getticket gives one ticket a window, always 7200, and a new token changes nothing', async (t) => {
  const { ask, token, wait, it } = platform()
  const ticket = () => ask('GET', '/cgi-bin/ticket/getticket', { access_token: token(), type: 'jsapi' }).body
  const first = ticket()
  t.match(first, { errcode: 0, errmsg: 'ok', expires_in: 7200 })
  t.match(first.ticket, /^[\w-]{86}$/)
  wait(7000)
  t.same(ticket(), first)
  wait(200)
  t.not(ticket().ticket, first.ticket)
  t.equal(it.count.ticket, 3)
})

t.test('business calls check what they are given', async (t) => {
  const { ask, token } = platform()
  const access_token = token()
  t.equal(ask('GET', '/cgi-bin/user/info', { access_token }).errcode, 40003)
  t.match(ask('GET', '/cgi-bin/user/info', { access_token, openid: 'o1' }).body, { openid: 'o1', subscribe: 1 })
  t.equal(ask('GET', '/cgi-bin/message/custom/send', { access_token }).errcode, 43002)
  t.equal(ask('POST', '/cgi-bin/message/custom/send', { access_token }).errcode, 44002)
  t.equal(ask('POST', '/cgi-bin/message/custom/send', { access_token }, 'a=1').errcode, 47001)
  t.match(ask('POST', '/cgi-bin/message/template/send', { access_token }, '{}').body, { errcode: 0, errmsg: 'ok' })
})

t.test('a path that nobody knows is 40066', async (t) => {
  const { ask, it } = platform()
  t.match(ask('GET', '/cgi-bin/nothing', {}), { endpoint: undefined, errcode: 40066 })
  t.equal(it.count.unknown, 1)
})

t.test('an upstream that answers with the same token does so even if it is dead', async (t) => {
  const { it, token, probe } = platform()
  it.sameToken = true
  const first = token()
  t.equal(token(), first)
  it.account().legacy.kill()
  t.equal(token(), first)
  t.equal(probe(first), 40001)
  t.match(it.count, { token: 3, rotated: 1 })
})

t.test('an ordered errcode is answered instead of anything being done', async (t) => {
  const { it } = platform()
  const request = { method: 'GET', path: '/cgi-bin/token', query: new URLSearchParams(), body: '', ip: '10.0.0.7' }
  t.match(it.answer(request, 40164).body, { errcode: 40164, errmsg: /^invalid ip 10\.0\.0\.7 ipv6 ::ffff:10\.0\.0\.7, not in/ })
  t.match(it.answer(request, 45009).body.errmsg, /daily quota limit, could get access_token by getStable/)
  t.match(it.count, { token: 2, rotated: 0 })
})
