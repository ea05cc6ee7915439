import http from 'node:http'
import t from 'tap'
import { mapConcurrently } from '../support/children.js'
import { createServer, newClient, newToken, pause, served } from './setup.js'

t.test('50 clients × 200 requests with wrong, missing, foreign, revoked and expired tokens are all refused', async (t) => {
  const good = newClient('good')
  const revoked = newClient('revoked')
  const expired = newClient('expired', { expires: Date.now() - 1000 })
  const foreign = newClient('foreign', { keys: ['OTHER'], refresh: true })
  const { ask, server, upstream, dog } = await served(t, {
    clients: [good.config, revoked.config, expired.config, foreign.config],
  })
  await dog.get('TOKEN')
  t.equal((await ask('/v1/keys/TOKEN', revoked)).status, 200)
  server.setClients([good.config, expired.config, foreign.config])
  const bad = [
    () => ({}),
    () => ({ token: newToken() }),
    () => ({ token: good.token.slice(0, -1) }),
    () => ({ token: `${good.token}x` }),
    () => ({ token: good.config.tokenSha256 }),
    () => ({ token: revoked.token }),
    () => ({ token: expired.token }),
    () => ({ token: foreign.token }),
    () => ({ headers: { authorization: `Basic ${good.token}` } }),
    () => ({ headers: { authorization: 'Bearer ' } }),
    () => ({ headers: { 'x-token': good.token } }),
  ]
  const paths = ['/v1/keys/TOKEN', '/v1/keys/TOKEN', '/v1/keys/TOKEN/refresh', '/v1/keys', '/v1/events', '/metrics']
  const agent = new http.Agent({ keepAlive: true, maxSockets: 50 })
  t.teardown(() => agent.destroy())
  const codes = new Map<number, number>()
  let leaks = 0
  await mapConcurrently(
    Array.from({ length: 10_000 }, (_, index) => index),
    50,
    async (index) => {
      const path = paths[index % paths.length]!
      const how = bad[index % bad.length]!()
      // The foreign token is valid on the other paths.
      const at = 'token' in how && how.token === foreign.token ? paths[index % 3]! : path
      const method = at.endsWith('refresh') ? 'POST' : 'GET'
      const { status, text } = await ask(at, { ...how, method, agent })
      codes.set(status, (codes.get(status) ?? 0) + 1)
      if (/secret-\d/.test(text)) leaks++
    },
  )
  t.comment(JSON.stringify([...codes]))
  t.strictSame(
    [...codes.keys()].filter((code) => ![401, 403, 429].includes(code)),
    [],
  )
  t.ok([401, 403, 429].every((code) => codes.has(code)))
  t.equal(leaks, 0)
  t.equal(upstream.count, 1)
  t.equal(
    (await ask('/v1/keys/TOKEN', good)).status,
    200,
    'a valid token is accepted although requests from the same address failed',
  )
})

t.test('A 401 names the wanted scheme; after too many failures the answer is 429 with Retry-After', async (t) => {
  const { ask } = await served(t, { clients: [newClient('one').config] })
  const first = await ask('/v1/keys')
  t.equal(first.status, 401)
  t.match(first.headers['www-authenticate'], /^Bearer/)
  t.match(first.json, { code: 'unauthorized', title: 'Unauthorized', status: 401 })
  let last = first
  for (let count = 0; count < 30; count++) last = await ask('/v1/keys')
  t.equal(last.status, 429)
  const wait = Number(last.headers['retry-after'])
  t.ok(wait >= 1 && wait <= 60)
})

t.test('Open polls and streams of a client end when its token is revoked or expires', async (t) => {
  const kept = newClient('kept')
  const revoked = newClient('revoked')
  const ending = newClient('ending', { expires: Date.now() + 800 })
  const narrowed = newClient('narrowed')
  const { ask, server } = await served(t, { clients: [kept.config, revoked.config, ending.config, narrowed.config] })
  const { generation } = (await ask('/v1/keys/TOKEN', kept)).json
  const poll = `/v1/keys/TOKEN?since=${generation}&wait=30`
  let isKeptOver = false
  const keptPoll = ask(poll, kept).then((reply) => {
    isKeptOver = true
    return reply
  })
  const polls = [revoked, narrowed, ending].map((client) => ask(poll, client))
  const streams = [revoked, ending].map((client) => ask('/v1/events', client))
  await pause(200)
  server.setClients([kept.config, ending.config, { ...narrowed.config, keys: ['OTHER'] }])
  t.strictSame([(await polls[0]!).status, (await polls[1]!).status], [401, 401])
  t.equal((await streams[0]!).status, 200)
  t.equal((await polls[2]!).status, 401)
  t.equal((await streams[1]!).status, 200)
  t.equal((await ask('/v1/keys/TOKEN', narrowed)).status, 403)
  t.notOk(isKeptOver)
  await server.close()
  t.equal((await keptPoll).status, 503)
})

t.test('Wrong client entries are refused, and the old clients stay', async (t) => {
  const good = newClient('good')
  const { ask, server } = await served(t, { clients: [good.config] })
  const { config } = newClient('new')
  const wrong: unknown[] = [
    'x',
    [{ ...config, name: '' }],
    [{ ...config, name: 'a b' }],
    [config, config],
    [config, { ...config, name: 'twin' }],
    [{ ...config, tokenSha256: 'short' }],
    [{ ...config, keys: 'TOKEN' }],
    [{ ...config, refresh: 'yes' }],
    [{ ...config, expires: 'soon' }],
    [{ ...config, token: 'x' }],
  ]
  for (const clients of wrong) {
    t.throws(() => server.setClients(clients as never), TypeError)
    t.throws(() => createServer({ clients: clients as never }), TypeError)
  }
  t.equal((await ask('/v1/keys/TOKEN', good)).status, 200)
  server.setClients([])
  t.equal((await ask('/v1/keys/TOKEN', good)).status, 401, 'an empty list admits nobody')
})

t.test('Routes that authenticate by themselves share the count of failures', async (t) => {
  const it = await served(t, {
    clients: [newClient('one').config],
    routes: (clients, refused) => [
      {
        ...{ method: 'GET', path: '/own/:secret', name: 'own', auth: 'own' },
        async handle({ params, request, response }) {
          if (clients.find(params.secret!) === undefined) refused(request)
          response.end('handled')
        },
      },
    ],
  })
  const statuses: number[] = []
  for (let count = 0; count < 25; count++) statuses.push((await it.ask(`/own/wrong-${count}`)).status)
  t.strictSame([statuses[0], statuses.at(-1)], [200, 429])
  t.match((await it.ask('/v1/keys')).status, 429)
})

t.test('A client that is revoked while its request waits for a fetch gets no value', async (t) => {
  const some = newClient('some')
  const it = await served(t, { clients: [some.config] })
  it.upstream.delay = 300
  const asked = [it.ask('/v1/keys/TOKEN', some), it.ask('/v1/keys/TOKEN/refresh', { ...some, method: 'POST' })]
  await pause(100)
  it.server.setClients([])
  for (const { status, text } of await Promise.all(asked)) {
    t.equal(status, 401)
    t.notMatch(text, /secret-/)
  }
})

t.test('An unknown member of a client is a TypeError that suggests the nearest name and shows no value', async (t) => {
  const { config } = newClient('one')
  const make = (entry: object) => () => createServer({ clients: [config, entry as never] })
  const { tokenSha256, ...rest } = newClient('two').config
  t.throws(make({ ...rest, tokenSha265: tokenSha256 }), {
    name: 'TypeError',
    message: 'unknown option "tokenSha265" of clients[1]; did you mean "tokenSha256"?',
  })
  t.throws(make({ ...rest, tokenSha256: 's3cret-token' }), {
    name: 'TypeError',
    message: /^clients\[1\]\.tokenSha256 must be the 64 hex digits of [^;]*; got string$/,
  })
})

t.test(
  'A client with two tokens is rotated without a gap: each opens, and revoking one leaves the other’s requests',
  async (t) => {
    const [old, next] = [newClient('shop'), newClient('shop')]
    const both = { ...old.config, tokenSha256: [old.config.tokenSha256, next.config.tokenSha256] as string[] }
    const { ask, server } = await served(t, { clients: [old.config] })
    const { generation } = (await ask('/v1/keys/TOKEN', old)).json
    const poll = (client: typeof old) => ask(`/v1/keys/TOKEN?since=${generation}&wait=1`, client)
    const during = poll(old)
    server.setClients([both])
    t.equal((await during).status, 304, 'the open request of the old token goes on')
    t.equal((await ask('/v1/keys/TOKEN', next)).status, 200)
    const polls = [poll(old), poll(next)]
    await pause(100)
    server.setClients([next.config])
    t.strictSame(
      (await Promise.all(polls)).map(({ status }) => status),
      [401, 304],
    )
    t.equal((await ask('/v1/keys/TOKEN', old)).status, 401)
    for (const tokenSha256 of [
      [],
      [...both.tokenSha256, newClient('x').config.tokenSha256],
      [both.tokenSha256[0], both.tokenSha256[0]],
      ['no'],
    ]) {
      t.throws(() => server.setClients([{ ...both, tokenSha256: tokenSha256 as string[] }]), TypeError)
    }
  },
)
