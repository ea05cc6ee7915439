// What the proxy does not do: go elsewhere, lend the AppSecret, take more than it can hold, wait for ever.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { platform } from './platform.js'
import { ask, post, query, type SetUp, setUp } from './setup.js'

const MIB = 1024 * 1024

async function proxied(t: Test, parts: SetUp & { baseUrl: string }) {
  const all = await setUp(t, parts)
  const secret = all.add('shop', { mayProxy: true })
  const { access_token } = await all.token(secret)
  return { ...all, secret, access_token, on: (path: string) => `${path}${query({ access_token })}` }
}

/** A request-target that no client would send, as it is; answers the first line and the body. */
async function raw(url: string, target: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write(`GET ${target} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: close\r\n\r\n`)
  return Buffer.concat(await socket.toArray()).toString('latin1')
}

t.test('the AppSecret is not lent, and no secret is passed on', async (t) => {
  const { url: baseUrl, seen } = await platform(t)
  const { url, on, secret, fake } = await proxied(t, { baseUrl })
  const refused = async (path: string, method = 'GET') => {
    const { status, json } = await ask(url, path, { method })
    t.match({ status, json }, { status: 200, json: { errcode: 48001 } }, `${method} ${path.split('?')[0]}`)
  }
  await refused(on('/cgi-bin/token'), 'POST')
  await refused(on('/cgi-bin/ticket/getticket'), 'POST')
  for (const path of ['/cgi-bin/clear_quota/v2', '/CGI-BIN/../x', '/cgi-bin/component/api_component_token']) {
    if (!path.includes('../..')) await refused(on(path), 'POST')
  }
  for (const path of ['/sns/oauth2/access_token', '/sns/jscode2session', '/cgi-bin/Token', '/cgi-bin/STABLE_TOKEN']) {
    await refused(on(path))
    await refused(`${path}?appid=wx&secret=${secret}`)
  }
  await refused(`${on('/cgi-bin/user/info')}&secret=${secret}`)
  await refused(`${on('/cgi-bin/user/info')}&%73ecret=${secret}`)
  await refused(`${on('/wxa/x')}&AppSecret=${secret}`)
  t.equal(seen.length, 0)
  t.notMatch(JSON.stringify(fake.log), secret)
})

t.test('no request-target leads anywhere else than to a path of the account’s platform', async (t) => {
  const { url: elsewhere, seen: strayed } = await platform(t)
  const { url: baseUrl, seen } = await platform(t)
  const { url, access_token } = await proxied(t, { baseUrl })
  const { host } = new URL(elsewhere)
  const tokens = query({ access_token })
  const targets = [
    ...[
      `//${host}/cgi-bin/x`,
      `/\\${host}/cgi-bin/x`,
      `${elsewhere}/cgi-bin/x`,
      `http:${host}/cgi-bin/x`,
      `@${host}/cgi-bin/x`,
    ],
    ...[`/cgi-bin/@${host}/`, `/cgi-bin//${host}/x`, `/cgi-bin/\\..\\x`, `/cgi-bin/../../x`, '/cgi-bin/./token', '/cgi-bin/..'],
    ...['/cgi-bin/%2e%2e/x', '/cgi-bin/%2Fx', '/cgi-bin/x%00', '/cgi-bin/x%', '/cgi-bin/', '/cgi-bin/x/', '/cgi-bin/x;y'],
    ...['/cgi-bin/x#y', '/cgi-bin/\u00e9', '/v1/keys', '/', '/_fake', '/wxamp/x'],
  ].map((path) => `${path}${tokens}`)
  for (const target of [...targets, `/cgi-bin/x${tokens}#y`, `/cgi-bin/x${tokens}&a=\u00e9`]) {
    const answer = await raw(url, target)
    t.ok(
      /^HTTP\/1\.1 (400|404) /.test(answer) || answer.includes('"errcode":40066'),
      `${target.split('?')[0]}: ${answer.slice(0, 15)}`,
    )
  }
  t.same([seen.length, strayed.length], [0, 0])
  t.match(await raw(url, `/cgi-bin/x.y_z-1${tokens}&u=${elsewhere}//a?b=../c`), '"errcode":0')
  t.match(seen[0]!.url, `&u=${elsewhere}//a?b=../c`)
})

t.test('an upload goes through as it is, byte for byte, and one that is too long does not', async (t) => {
  const { url: baseUrl, seen } = await platform(t)
  const { url, on } = await proxied(t, { baseUrl })
  const form = new FormData()
  form.append('media', new Blob([randomBytes(3 * MIB)]), 'a.png')
  const encoded = new Response(form)
  const body = Buffer.from(await encoded.arrayBuffer())
  const headers = { 'content-type': encoded.headers.get('content-type')! }
  t.match((await post(url, on('/cgi-bin/media/upload'), body, headers)).json, { errcode: 0 })
  t.match(seen[0]!.headers, { ...headers, 'content-length': String(body.length) })
  t.ok(seen[0]!.body.equals(body))

  const declared = { 'content-length': String(11 * MIB), expect: '100-continue', connection: 'keep-alive' }
  const long = await ask(url, on('/cgi-bin/media/upload'), { method: 'POST', headers: declared })
  t.match(long, { status: 413, headers: { connection: 'close' }, json: { errcode: -1 } }, 'before a byte of it was read')
  const endless = { method: 'POST', headers: { 'transfer-encoding': 'chunked' } }
  const chunked = await ask(url, on('/cgi-bin/media/upload'), endless, randomBytes(MIB + 1))
  t.match(chunked, { status: 413, json: { errcode: -1 } })
  t.equal(seen.length, 1)
})

t.test('a large download is streamed: it is never all in memory', async (t) => {
  const SIZE = 200 * MIB
  const block = randomBytes(MIB)
  let sent = 0
  const { url: baseUrl } = await platform(t, async (_, response) => {
    response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': SIZE })
    for (; sent < SIZE; sent += block.length) if (!response.write(block)) await once(response, 'drain')
    response.end()
  })
  const { url, on } = await proxied(t, { baseUrl })
  const request = httpRequest(url, { path: on('/cgi-bin/media/get'), agent: false }).end()
  const [response] = await once(request, 'response')
  t.equal(response.headers['content-length'], String(SIZE))
  // Nobody reads: what is sent then is only what fits into the buffers on the way.
  await sleep(500)
  t.ok(sent < 32 * MIB, `${sent / MIB} MiB were sent before anybody read`)
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of response) {
    size += chunk.length
    hash.update(chunk)
  }
  t.equal(size, SIZE)
  const whole = createHash('sha256')
  for (let times = 0; times < SIZE / MIB; times++) whole.update(block)
  t.equal(hash.digest('hex'), whole.digest('hex'))
})

t.test('a platform that is not there, or breaks off, is a 502; one that says nothing, a 504', async (t) => {
  let how = 'nothing'
  const { url: baseUrl } = await platform(t, (_, response) => {
    if (how === 'cut') response.destroy()
    if (how === 'other protocol')
      response.socket!.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\n')
    if (how === 'half') response.writeHead(200, { 'content-length': 100 }).write('{"a":', () => response.destroy())
  })
  const { url, on } = await proxied(t, { baseUrl, limits: { total: 300, concurrent: 2 } })
  const path = on('/cgi-bin/user/info')
  t.match(await ask(url, path), { status: 504, json: { errcode: -1, errmsg: /^system error/ } })
  for (how of ['cut', 'half', 'other protocol', 'other protocol', 'other protocol'])
    t.match(await ask(url, path), { status: 502, json: { errcode: -1 } }, how)
  const closed = await proxied(t, { baseUrl: 'http://127.0.0.1:1' })
  const { status, bytes } = await ask(closed.url, closed.on('/cgi-bin/user/info'))
  t.equal(status, 502)
  t.notMatch(bytes.toString(), closed.access_token)
})

t.test('a connection on which nothing comes is given up, and one that ends in mid-answer does not look whole', async (t) => {
  const { url: baseUrl } = await platform(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'video/mp4' })
    response.write(randomBytes(MIB))
  })
  const { url, on } = await proxied(t, { baseUrl, limits: { idle: 300 } })
  await t.rejects(ask(url, on('/cgi-bin/media/get')), { code: 'ECONNRESET' })
})

// Less than the 30 s after which any call without a byte is given up.
t.test('a client that goes away takes its call with it', { timeout: 15_000 }, async (t) => {
  const gone: Promise<unknown>[] = []
  const { url: baseUrl, seen } = await platform(t, (_, response) => void gone.push(once(response, 'close')))
  const { url, on } = await proxied(t, { baseUrl })
  const request = httpRequest(url, { path: on('/cgi-bin/user/info'), agent: false }).end()
  request.on('error', () => {})
  while (seen.length === 0) await sleep(5)
  request.destroy()
  await gone[0]
  t.pass('the platform noticed')
})

// Less than the 30 s after which any call without a byte is given up.
t.test(
  'calls that wait behind another answer end with their connection, and give their places back',
  { timeout: 15_000 },
  async (t) => {
    const gone: Promise<unknown>[] = []
    const { url: baseUrl } = await platform(t, (_, response) => void gone.push(once(response, 'close')))
    const { url, on } = await proxied(t, { baseUrl, limits: { concurrent: 4 } })
    const { hostname, port } = new URL(url)
    for (const calls of [4, 8]) {
      const socket = connect(Number(port), hostname)
      socket.on('error', () => {})
      socket.write(`GET ${on('/cgi-bin/user/info')} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`.repeat(4))
      while (gone.length < calls) await sleep(5)
      socket.destroy()
      await Promise.all(gone)
    }
    t.pass('the platform noticed, and there was place for four others')
  },
)

t.test('a connection that is kept alive collects no listeners', async (t) => {
  const { url: baseUrl } = await platform(t)
  const { url, on } = await proxied(t, { baseUrl })
  const warnings: Error[] = []
  const warned = (warning: Error) => void warnings.push(warning)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  for (let times = 0; times < 30; times++) t.match((await ask(url, on('/cgi-bin/user/info'), { agent })).json, { errcode: 0 })
  await sleep(0)
  t.same(warnings, [])
})

t.test('only so many at once; the others are told to come again', async (t) => {
  const waiting: (() => void)[] = []
  const { url: baseUrl } = await platform(t, (_, response) => void waiting.push(() => response.end('{"errcode":0}')))
  const { url, on } = await proxied(t, { baseUrl, limits: { concurrent: 3 } })
  const calls = [1, 2, 3].map(() => ask(url, on('/cgi-bin/user/info')))
  while (waiting.length < 3) await sleep(5)
  t.match(await ask(url, on('/cgi-bin/user/info')), { status: 503, headers: { 'retry-after': '1' }, json: { errcode: -1 } })
  for (const answer of waiting) answer()
  for (const { json } of await Promise.all(calls)) t.match(json, { errcode: 0 })
  const next = ask(url, on('/cgi-bin/user/info'))
  while (waiting.length < 4) await sleep(5)
  waiting[3]!()
  t.match((await next).json, { errcode: 0 })
})

t.test('a connection that the platform closed while it was idle costs no call, unless it may have acted', async (t) => {
  const used = new WeakSet<object>()
  const { url: baseUrl, seen } = await platform(t, (_, response, { socket }) => {
    // As if it had closed it just before the request came.
    if (used.has(socket)) return void socket.destroy()
    used.add(socket)
    response.end('{"errcode":0}')
  })
  const { url, on } = await proxied(t, { baseUrl })
  for (let times = 0; times < 5; times++) t.match((await ask(url, on('/cgi-bin/user/info'))).json, { errcode: 0 })
  t.ok(seen.length > 5, 'connections were used again')
  const posts = []
  for (let times = 0; times < 4; times++) posts.push(await post(url, on('/cgi-bin/message/send'), '{}'))
  t.ok(posts.some(({ status }) => status === 502) && posts.some(({ status }) => status === 200))
})
