/**
 * How programs that share an account affect each other. The clock is simulated, and no socket is
 * opened.
 */
import t from 'tap'
import { a, setUp } from './setup.js'

t.test('A classic token dies five minutes after another program fetched one', async (t) => {
  const { token, probe, setTime } = setUp()
  const one = token()
  setTime(992) // the case that WeChat's staff explained: 16:18:42 and 16:35:16
  const two = token()
  t.same([probe(one), probe(two)], [0, 0])
  setTime(992 + 300)
  t.same([probe(one), probe(two)], [40001, 0], '40001, although its lifetime of two hours is not over')
})

t.test("Two programs that each fetch after a rejection go on killing each other's tokens", async (t) => {
  const { platform, token, probe, advance } = setUp()
  let held = token()
  for (let i = 0; i < 5; i += 1) {
    token()
    advance(300)
    t.equal(probe(held), 40001)
    held = token()
  }
  t.match(platform.count, { rotated: 11, rejected: 5 })
})

t.test('Two programs that use stable_token share one token', async (t) => {
  const { platform, stable, probe, advance } = setUp()
  const tokens = new Set<string>()
  for (let i = 0; i < 20; i += 1) {
    tokens.add(stable())
    advance(300)
  }
  const [token] = tokens
  t.equal(tokens.size, 1)
  t.equal(probe(token!), 0)
  t.match(platform.count, { stable: 20, stableRotated: 1, forced: 0, rejected: 0 })
})

t.test('When a stable token is replaced in its last five minutes, the old and the new one are accepted', async (t) => {
  const { fetchStable, stable, probe, setTime } = setUp()
  const one = stable()
  setTime(6900)
  t.match(fetchStable().body, { access_token: one, expires_in: 300 })
  setTime(6901)
  const next = fetchStable().body
  t.match(next, { expires_in: 7200 })
  t.not(next.access_token, one)
  setTime(7199)
  t.same([probe(one), probe(next.access_token as string)], [0, 0])
  setTime(7201)
  t.same([probe(one), probe(next.access_token as string)], [40001, 0])
})

t.test('A program that calls stable_token every five minutes never holds a dead token', async (t) => {
  const { platform, stable, probe, advance } = setUp()
  for (let i = 0; i < 100; i += 1) {
    const token = stable()
    t.equal(probe(token), 0)
    advance(299)
    t.equal(probe(token), 0)
  }
  t.equal(platform.count.rejected, 0)
})

t.test('Constant forced refreshes rotate the token every 30 s, 20 times a day, and are refused afterwards', async (t) => {
  const { platform, fetchStable, advance } = setUp()
  const codes = new Map<number, number>()
  for (let second = 0; second < 900; second += 1) {
    const { errcode } = fetchStable(true)
    codes.set(errcode, (codes.get(errcode) ?? 0) + 1)
    advance(1)
  }
  t.match(platform.count, { forced: 20, stableRotated: 20, stable: 900 })
  t.same(
    [...codes],
    [
      [0, 600],
      [45009, 300],
    ],
  )
  t.match(fetchStable(true).body.errmsg, /^reach max api daily quota limit rid: /, 'the short text')
  t.equal(fetchStable().errcode, 0, 'calls without force still succeed')
})

t.test('Rotating classic tokens leaves stable tokens alive, and the reverse', async (t) => {
  const { token, stable, fetchStable, probe, advance } = setUp()
  const [classic, steady] = [token(), stable()]
  for (let i = 0; i < 3; i += 1) token()
  t.same([probe(classic), probe(steady)], [40001, 0], 'classic fetches do not kill the stable token')
  const last = token()
  fetchStable(true)
  advance(30)
  fetchStable(true)
  t.same([probe(steady), probe(last)], [40001, 0], 'and forced refreshes do not kill the classic one')
})

t.test('Three fetches in a row kill the first token within its overlap', async (t) => {
  const { token, probe } = setUp()
  t.same(
    [token(), token(), token()].map((one) => probe(one)),
    [40001, 0, 0],
  )
})

t.test('After two hours a token is refused with 42001, and a new one is accepted', async (t) => {
  const { ask, token, stable, probe, advance } = setUp()
  const held = [token(), stable()]
  advance(7200)
  t.same(
    held.map((one) => probe(one)),
    [42001, 42001],
  )
  t.match(ask('GET', '/cgi-bin/user/info', { access_token: held[0]!, openid: 'o' }).body.errmsg, /^access_token expired rid: /)
  t.same(
    [token(), stable()].map((one) => probe(one)),
    [0, 0],
  )
})

t.test('With `flappyOverlap` the replaced token is refused at random within the overlap, and the new one never', async (t) => {
  let turn = 0
  const { token, probe, advance } = setUp({ flappyOverlap: 0.5, random: () => (turn++ % 2 === 0 ? 0.4 : 0.6) })
  const [old, fresh] = [token(), token()]
  t.same([probe(old), probe(old), probe(old), probe(old)], [40001, 0, 40001, 0])
  t.same([probe(fresh), probe(fresh)], [0, 0])
  t.equal(turn, 4, 'the random number is used for the replaced token only')
  advance(300)
  t.same([probe(old), probe(old)], [40001, 40001])
})

t.test('Rotating tokens does not change the ticket', async (t) => {
  const { token, stable, fetchTicket, advance } = setUp()
  const { ticket } = fetchTicket(token()).body
  for (let i = 0; i < 3; i += 1) {
    t.equal(fetchTicket(token()).body.ticket, ticket)
    t.equal(fetchTicket(stable()).body.ticket, ticket, 'tokens of both families get the same ticket')
    advance(600)
  }
})

t.test('Each type has its own tickets, `1` means `jsapi`, and an unknown type is refused', async (t) => {
  const { token, fetchTicket } = setUp()
  const [jsapi, one, card, sdk] = ['jsapi', '1', 'wx_card', '2'].map((type) => fetchTicket(token(), type).body.ticket)
  t.equal(jsapi, one)
  t.equal(new Set([jsapi, card, sdk]).size, 3)
  t.equal(fetchTicket(token(), 'agent_config').errcode, 40097)
})

t.test('expires_in of a ticket is always two hours, unless `ticketRemaining` is set', async (t) => {
  for (const [ticketRemaining, expected] of [
    [false, 7200],
    [true, 200],
  ] as const) {
    const { token, fetchTicket, advance } = setUp({ ticketRemaining })
    fetchTicket(token())
    advance(7000)
    t.equal(fetchTicket(token()).body.expires_in, expected)
  }
})

t.test('Requests with a wrong AppSecret or address use no quota and rotate no token', async (t) => {
  const { platform, fetchToken, fetchStable } = setUp({}, [{ ...a, whitelist: ['10.0.0.7'] }])
  for (let i = 0; i < 50; i += 1) {
    fetchToken({ ...a, appSecret: 'wrong' })
    fetchStable(true, { ...a, appSecret: 'wrong' })
    fetchToken(a, '10.0.0.8')
    fetchStable(true, a, '10.0.0.8')
  }
  const state = platform.account()
  t.same(
    [state.dailyQuota('/cgi-bin/token').used(platform.now()), state.dailyQuota('/cgi-bin/stable_token').used(platform.now())],
    [0, 0],
  )
  t.equal(state.stable.forcedRefreshes.used(platform.now()), 0)
  t.match(platform.count, { token: 100, stable: 100, rotated: 0, stableRotated: 0 })
})
