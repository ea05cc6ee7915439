// The WeChat routes inside a complete server.
import { createHash, randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { ClientConfig, LogEntry, Route } from '../../../src/server/index.js'
import { startClient } from './client.js'
import { platform } from './platform.js'
import {
  ask,
  createDog,
  createServer,
  fakeWeChat,
  memoryStore,
  post,
  query,
  stableOf,
  tokenOf,
  wechat,
  wechatRoutes,
} from './setup.js'

/** A route that a user of the package wrote. */
const own: Route = {
  ...{ method: 'POST', path: '/own', name: 'own', auth: 'bearer' },
  async handle({ request, response }) {
    response.end(Buffer.concat(await request.toArray()))
  },
}

async function running(t: Test, configs: Record<string, Partial<ClientConfig>>, baseUrl?: string) {
  const fake = await fakeWeChat()
  const dog = createDog({ store: memoryStore() })
  const { appId, appSecret } = fake
  const wx = wechat({ appId, appSecret, baseUrl: fake.url, dog })
  const tokens: Record<string, string> = {}
  const clients = Object.entries(configs).map(([name, rights]): ClientConfig => {
    const token = (tokens[name] = randomBytes(32).toString('base64url'))
    return { name, tokenSha256: createHash('sha256').update(token).digest('hex'), keys: ['*'], ...rights }
  })
  const log: LogEntry[] = []
  const lines: string[] = []
  const server = createServer({
    ...{ dog, clients, log: (entry) => void log.push(entry), report: (line) => void lines.push(line) },
    routes: (clients) => [...wechatRoutes({ accounts: [{ appId, wx, baseUrl: baseUrl ?? fake.url }], clients }), own],
  })
  t.teardown(async () => {
    await server.close()
    await dog.close()
    await fake.close()
  })
  const url = await server.listen({ port: 0 })
  return { fake, server, url, appId, tokens, clients, log, lines }
}

t.test('co-wechat-api works with only its host changed, beside clients of /v1/keys', async (t) => {
  const { fake, url, appId, tokens } = await running(t, { shop: { proxy: true }, ours: {} })
  const api = await startClient(t, { kind: 'co-wechat-api', appId, secret: tokens.shop!, host: url })
  t.match(await api.call('getUser', 'o1'), { openid: 'o1' })
  const authorization = `Bearer ${tokens.ours}`
  const key = async () => (await ask(url, '/v1/keys/ACCESS_TOKEN', { headers: { authorization } })).json
  t.match(await key(), { value: fake.currentToken() })
  fake.killToken()
  t.match(await api.call('getUser', 'o2'), { openid: 'o2' })
  t.match(await api.call('sendText', 'o2', '中文'), { errcode: 0 })
  t.match(await key(), { value: fake.currentToken() })
  t.equal(fake.count.token, 2)
  for (const path of ['/cgi', '/cgi-bin', '/wxamp/x', '/']) t.equal((await ask(url, path)).status, 404, path)
})

t.test('A removed client gets nothing from that moment on', async (t) => {
  const { fake, server, url, appId, tokens, clients } = await running(t, { shop: { proxy: true }, other: { proxy: true } })
  const { access_token } = await tokenOf(url, appId, tokens.shop!)
  const call = async () => (await ask(url, `/cgi-bin/user/info${query({ access_token, openid: 'o1' })}`)).json
  t.match(await call(), { openid: 'o1' })
  server.setClients(clients.filter(({ name }) => name !== 'shop'))
  t.match(await call(), { errcode: 40001, openid: undefined })
  t.match(await tokenOf(url, appId, tokens.shop!), { errcode: 40125, access_token: undefined })
  t.equal(fake.count.call, 1)
})

t.test('A call under way is finished when the server shuts down', async (t) => {
  let answer = () => {}
  const { url: baseUrl, seen } = await platform(t, (_, response) => {
    answer = () => void response.end('{"errcode":0,"msgid":7}')
  })
  const { server, url, appId, tokens } = await running(t, { shop: { proxy: true } }, baseUrl)
  const { access_token } = await tokenOf(url, appId, tokens.shop!)
  const call = post(url, `/cgi-bin/message/custom/send${query({ access_token })}`, '{}')
  while (seen.length === 0) await sleep(5)
  const closed = server.close()
  await sleep(50)
  answer()
  t.match((await call).json, { msgid: 7 })
  await closed
})

t.test('Requests without a valid client token get no value, whatever they contain', async (t) => {
  const { fake, url, appId, tokens, server, clients } = await running(t, {
    gone: { proxy: true },
    foreign: { keys: ['B_*'] },
    shop: {},
  })
  const gone = (await tokenOf(url, appId, tokens.gone!)).access_token
  const { access_token: valid } = await tokenOf(url, appId, tokens.shop!)
  t.equal(valid, gone)
  server.setClients(clients.filter(({ name }) => name === 'foreign'))
  const before = fake.log.length
  const secrets = ['', 'wrong', tokens.foreign!, tokens.gone!, fake.appSecret, valid, '\u0000', '%', 'x'.repeat(3000)]
  const values = [...secrets, `${valid}x`, valid.slice(0, -1), tokens.shop!]
  const paths = ['/cgi-bin/token', '/cgi-bin/ticket/getticket', '/cgi-bin/user/info', '/wxa/msg_sec_check', '/sns/userinfo']
  const statuses = new Map<number, number>()
  const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)]!
  async function attempt(): Promise<void> {
    const parameters = { grant_type: 'client_credential', appid: pick([appId, 'wx', '']), secret: pick(secrets), type: 'jsapi' }
    const all = { ...parameters, access_token: pick(values) }
    const { status, bytes, json } = await pick([
      () => ask(url, `${pick(paths)}${query(pick<Record<string, string>>([all, parameters]))}`),
      () => post(url, `${pick(paths)}${query({ access_token: all.access_token })}`, pick(['{}', '', '\u0000', '['])),
      () => stableOf(url, { ...parameters, force_refresh: pick([true, false, 1, null]) }),
      () => ask(url, pick(paths), { headers: { authorization: `Bearer ${all.secret.replace(/[^ -~]/g, '')}` } }),
    ])()
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    if (status >= 500 || 'access_token' in json || 'ticket' in json || 'openid' in json || bytes.includes(valid)) {
      t.fail(`${status} ${bytes.toString().slice(0, 100)}`)
    }
  }
  for (let round = 0; round < 40; round++) await Promise.all(Array.from({ length: 50 }, attempt))
  t.comment(`2000 attempts: ${JSON.stringify([...statuses])}`)
  t.equal(fake.log.length, before, 'none of them reached the platform')
})

t.test('No log entry, report or output holds a secret', async (t) => {
  const { url: baseUrl } = await platform(t, (_, response) => void response.destroy())
  const { fake, url, appId, tokens, log, lines } = await running(t, { shop: { proxy: true } }, baseUrl)
  const written: string[] = []
  const { write } = process.stderr
  t.teardown(() => (process.stderr.write = write))
  process.stderr.write = (text: string | Uint8Array) => written.push(String(text)) > 0
  const { access_token } = await tokenOf(url, appId, tokens.shop!)
  fake.fail('call', 'drop')
  await tokenOf(url, appId, tokens.shop!)
  await tokenOf(url, appId, `${tokens.shop}x`)
  await ask(url, `/cgi-bin/user/info${query({ access_token })}`)
  await ask(url, `/cgi-bin/user/info${query({ access_token, secret: tokens.shop! })}`)
  const request = httpRequest(url, { path: `/cgi-bin/user/info${query({ access_token })}` })
    .on('error', () => {})
    .end()
  await sleep(20)
  request.destroy()
  process.stderr.write = write
  t.ok(log.some(({ route }) => route === 'wechat_proxy') && log.some(({ route }) => route === 'wechat_token'))
  const all = JSON.stringify([log, lines, written])
  for (const secret of [access_token, tokens.shop!, fake.appSecret]) t.notOk(all.includes(secret))
})

t.test(
  'A client that disconnects in the middle of a body causes a 4xx and no report, whichever handler reads it',
  async (t) => {
    const { url: baseUrl } = await platform(t)
    const { url, appId, tokens, log, lines } = await running(t, { shop: { proxy: true, refresh: true } }, baseUrl)
    const { access_token } = await tokenOf(url, appId, tokens.shop!)
    const { hostname, port } = new URL(url)
    const send = `/cgi-bin/message/custom/send${query({ access_token })}`
    const bodies = ['Content-Length: 100', 'Transfer-Encoding: chunked']
    const heads = [
      ...['/cgi-bin/stable_token', send].flatMap((path) => bodies.map((body) => [path, body])),
      // Long enough to be streamed.
      [send, 'Content-Length: 1000000'],
      ...bodies.map((body) => ['/v1/keys/ACCESS_TOKEN/refresh', `${body}\r\nContent-Type: application/json`]),
      ...bodies.map((body) => ['/own', body]),
    ].map(
      ([path, rest]) =>
        `POST ${path} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${tokens.shop}\r\n${rest}\r\n\r\n1\r\n{`,
    )
    log.length = 0
    for (const end of ['end', 'destroy', 'resetAndDestroy'] as const) {
      for (const head of heads) {
        const before = log.length
        const socket = connect(Number(port), hostname, () => socket.write(head))
        socket.on('error', () => {})
        await sleep(20)
        socket[end]()
        while (log.length === before) await sleep(5)
        socket.destroy()
      }
    }
    t.same(lines, [])
    t.same(
      log.filter(({ status }) => status < 400 || status >= 500),
      [],
    )
  },
)

t.test('The log entry of a refused WeChat request has its client, its key, its address and the reason', async (t) => {
  const rights = { shop: { keys: ['ACCESS_TOKEN'] }, ours: { keys: ['OTHER'] } }
  const { url, appId, tokens, log } = await running(t, rights)
  const entryOf = async (path: string) => {
    log.length = 0
    await ask(url, path)
    while (log.length === 0) await sleep(5)
    return log[0]
  }
  const tokenPath = (secret: string) => `/cgi-bin/token?${query({ grant_type: 'client_credential', appid: appId, secret })}`
  const own = { address: '127.0.0.1', key: 'ACCESS_TOKEN', status: 200 }
  t.match(await entryOf(tokenPath(tokens.shop!)), { ...own, client: 'shop', reason: undefined })
  t.match(await entryOf(tokenPath(tokens.ours!)), { ...own, client: 'ours', reason: /^40125 invalid appsecret/ })
  t.match(await entryOf(tokenPath('nobody')), { ...own, client: undefined, reason: /^40125 / })
  const { access_token } = await tokenOf(url, appId, tokens.shop!)
  const call = `/cgi-bin/user/get?access_token=${access_token}`
  t.match(await entryOf(call), { ...own, client: 'shop', reason: /^48001 .*"proxy": true/ })
  const ticket = `/cgi-bin/ticket/getticket?type=jsapi&access_token=${access_token}`
  t.match(await entryOf(ticket), { client: 'shop', key: 'JSAPI_TICKET', reason: /^48001 .*JSAPI_TICKET/ })
  t.notMatch(JSON.stringify(log), new RegExp(access_token))
})

t.test('A value that the old one of two client tokens got is replaced once that token is revoked', async (t) => {
  const { server, url, appId, tokens, clients } = await running(t, { old: {}, next: {} })
  const [old, next] = clients.map(({ tokenSha256 }) => tokenSha256 as string)
  const entry = { name: 'shop', keys: ['*'] }
  server.setClients([{ ...entry, tokenSha256: [old!, next!] }])
  const first = await tokenOf(url, appId, tokens.old!)
  t.equal((await tokenOf(url, appId, tokens.next!)).access_token, first.access_token)
  server.setClients([{ ...entry, tokenSha256: next! }])
  t.match(await tokenOf(url, appId, tokens.old!), { errcode: 40125 })
  const after = await tokenOf(url, appId, tokens.next!)
  t.type(after.access_token, 'string')
  t.not(after.access_token, first.access_token, 'whoever found the old client token may have the value')
})
