// What two programs do to each other, as the real platform lets them: the clock is given, and no socket is opened.
import t from 'tap'
import { a, platform } from './setup.js'

t.test('two programs fetch classic tokens: the first dies of the second, five minutes after it', async (t) => {
  const { token, probe, at } = platform()
  const one = token()
  at(992) // 16:18:42 and 16:35:16 are the times of the case that WeChat's staff explained
  const two = token()
  t.same([probe(one), probe(two)], [0, 0])
  at(992 + 300)
  t.same([probe(one), probe(two)], [40001, 0], '40001, though its own two hours are not over')
})

t.test('two programs that fight go on killing each other', async (t) => {
  const { it, token, probe, wait } = platform()
  let held = token()
  for (let i = 0; i < 5; i += 1) {
    token()
    wait(300)
    t.equal(probe(held), 40001)
    held = token()
  }
  t.match(it.count, { rotated: 11, rejected: 5 })
})

t.test('the same two on stable_token share one token', async (t) => {
  const { it, stable, probe, wait } = platform()
  const tokens = new Set<string>()
  for (let i = 0; i < 20; i += 1) {
    tokens.add(stable())
    wait(300)
  }
  const [token] = tokens
  t.equal(tokens.size, 1)
  t.equal(probe(token!), 0)
  t.match(it.count, { stable: 20, stableRotated: 1, forced: 0, rejected: 0 })
})

t.test('a stable token that crosses the five-minute line: both are good, no call fails', async (t) => {
  const { fetchStable, stable, probe, at } = platform()
  const one = stable()
  at(6900)
  t.match(fetchStable().body, { access_token: one, expires_in: 300 })
  at(6901)
  const next = fetchStable().body
  t.match(next, { expires_in: 7200 })
  t.not(next.access_token, one)
  at(7199)
  t.same([probe(one), probe(next.access_token as string)], [0, 0])
  at(7201)
  t.same([probe(one), probe(next.access_token as string)], [40001, 0])
})

t.test('whoever calls stable_token every five minutes never holds a dead token', async (t) => {
  const { it, stable, probe, wait } = platform()
  for (let i = 0; i < 100; i += 1) {
    const token = stable()
    t.equal(probe(token), 0)
    wait(299)
    t.equal(probe(token), 0)
  }
  t.equal(it.count.rejected, 0)
})

t.test('a storm of forced refreshes rotates every thirty seconds, twenty times, and is refused from then on', async (t) => {
  const { it, fetchStable, wait } = platform()
  const codes = new Map<number, number>()
  for (let second = 0; second < 900; second += 1) {
    const { errcode } = fetchStable(true)
    codes.set(errcode, (codes.get(errcode) ?? 0) + 1)
    wait(1)
  }
  t.match(it.count, { forced: 20, stableRotated: 20, stable: 900 })
  t.same(
    [...codes],
    [
      [0, 600],
      [45009, 300],
    ],
  )
  t.match(fetchStable(true).body.errmsg, /^reach max api daily quota limit rid: /, 'in short words')
  t.equal(fetchStable().errcode, 0, 'the normal mode goes on')
})

t.test('classic and stable tokens do not disturb each other', async (t) => {
  const { token, stable, fetchStable, probe, wait } = platform()
  const [classic, steady] = [token(), stable()]
  for (let i = 0; i < 3; i += 1) token()
  t.same([probe(classic), probe(steady)], [40001, 0], 'classic fetches leave the stable token alone')
  const last = token()
  fetchStable(true)
  wait(30)
  fetchStable(true)
  t.same([probe(steady), probe(last)], [40001, 0], 'and forced refreshes the classic one')
})

t.test('three quick fetches kill the first token inside its overlap', async (t) => {
  const { token, probe } = platform()
  t.same(
    [token(), token(), token()].map((one) => probe(one)),
    [40001, 0, 0],
  )
})

t.test('a clock that jumps over two hours: 42001, and a new token helps', async (t) => {
  const { ask, token, stable, probe, wait } = platform()
  const held = [token(), stable()]
  wait(7200)
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

t.test('within a flapping overlap the replaced token works now and then, the new one always', async (t) => {
  let turn = 0
  const { token, probe, wait } = platform({ flappyOverlap: 0.5, random: () => (turn++ % 2 === 0 ? 0.4 : 0.6) })
  const [old, fresh] = [token(), token()]
  t.same([probe(old), probe(old), probe(old), probe(old)], [40001, 0, 40001, 0])
  t.same([probe(fresh), probe(fresh)], [0, 0])
  t.equal(turn, 4, 'only the replaced token is left to chance')
  wait(300)
  t.same([probe(old), probe(old)], [40001, 40001])
})

t.test('tickets have nothing to do with the rotation of tokens', async (t) => {
  const { token, stable, fetchTicket, wait } = platform()
  const { ticket } = fetchTicket(token()).body
  for (let i = 0; i < 3; i += 1) {
    t.equal(fetchTicket(token()).body.ticket, ticket)
    t.equal(fetchTicket(stable()).body.ticket, ticket, 'either family of token may ask')
    wait(600)
  }
})

t.test('each type has tickets of its own, two words mean the same, and another type is refused', async (t) => {
  const { token, fetchTicket } = platform()
  const [jsapi, one, card, sdk] = ['jsapi', '1', 'wx_card', '2'].map((type) => fetchTicket(token(), type).body.ticket)
  t.equal(jsapi, one)
  t.equal(new Set([jsapi, card, sdk]).size, 3)
  t.equal(fetchTicket(token(), 'agent_config').errcode, 40097)
})

t.test('a ticket is always said to live for two hours, unless the true remainder is wanted', async (t) => {
  for (const [ticketRemaining, expected] of [
    [false, 7200],
    [true, 200],
  ] as const) {
    const { token, fetchTicket, wait } = platform({ ticketRemaining })
    fetchTicket(token())
    wait(7000)
    t.equal(fetchTicket(token()).body.expires_in, expected)
  }
})

t.test('a wrong secret and a wrong address burn no quota and rotate nothing', async (t) => {
  const { it, fetchToken, fetchStable } = platform({}, [{ ...a, whitelist: ['10.0.0.7'] }])
  for (let i = 0; i < 50; i += 1) {
    fetchToken({ ...a, appSecret: 'wrong' })
    fetchStable(true, { ...a, appSecret: 'wrong' })
    fetchToken(a, '10.0.0.8')
    fetchStable(true, a, '10.0.0.8')
  }
  const state = it.account()
  t.same([state.quota('/cgi-bin/token').used(it.now()), state.quota('/cgi-bin/stable_token').used(it.now())], [0, 0])
  t.equal(state.stable.forces.used(it.now()), 0)
  t.match(it.count, { token: 100, stable: 100, rotated: 0, stableRotated: 0 })
})
