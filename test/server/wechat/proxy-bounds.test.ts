// Limits of the proxy: where it goes, the AppSecret, sizes, time-outs, concurrency.
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

/**
 * Sends a request-target unchanged, which an HTTP client would repair; resolves to the whole
 * answer.
 */
async function raw(url: string, target: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write(`GET ${target} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: close\r\n\r\n`)
  return Buffer.concat(await socket.toArray()).toString('latin1')
}

t.test('Paths that take the AppSecret and queries that hold a secret are not passed on', async (t) => {
  const { url: baseUrl, seen } = await platform(t)
  const { url, on, secret, fake } = await proxied(t, { baseUrl })
  const refused = async (path: string, method = 'GET') => {
    const { status, json } = await ask(url, path, { method })
    t.match({ status, json }, { status: 200, json: { errcode: 48001 } }, `${method} ${path.split('?')[0]}`)
  }
  await refused(on('/cgi-bin/token'), 'POST')
  await refused(on('/cgi-bin/ticket/getticket'), 'POST')
  for (const path of ['/cgi-bin/clear_quota/v2', '/cgi-bin/component/api_component_token']) {
    await refused(on(path), 'POST')
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

t.test('No request-target reaches another host or another path than one of the account’s platform', async (t) => {
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

t.test('An upload is passed on byte for byte; one over the limit is refused with 413', async (t) => {
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
  t.match(long, { status: 413, headers: { connection: 'close' }, json: { errcode: -1 } }, 'before a byte was read')
  const endless = { method: 'POST', headers: { 'transfer-encoding': 'chunked' } }
  const chunked = await ask(url, on('/cgi-bin/media/upload'), endless, randomBytes(MIB + 1))
  t.match(chunked, { status: 413, json: { errcode: -1 } })
  t.equal(seen.length, 1)
})

t.test('A large download is streamed and never held in memory as a whole', async (t) => {
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
  // Nobody reads yet: only what fits into the buffers on the way is sent.
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

t.test('An unreachable or aborting platform gives 502; a silent platform gives 504', async (t) => {
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

t.test('A stalled answer is given up, and the client sees a cut connection instead of a short answer', async (t) => {
  const { url: baseUrl } = await platform(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'video/mp4' })
    response.write(randomBytes(MIB))
  })
  const { url, on } = await proxied(t, { baseUrl, limits: { idle: 300 } })
  await t.rejects(ask(url, on('/cgi-bin/media/get')), { code: 'ECONNRESET' })
})

// Less than the 30 s after which any call without a byte is given up.
t.test('The call to the platform is aborted when its client disconnects', { timeout: 15_000 }, async (t) => {
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
  'Calls that are pipelined behind another answer end with their connection and free their slots',
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
    t.pass('the platform noticed, and four others were accepted')
  },
)

t.test('A kept-alive connection accumulates no listeners', async (t) => {
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

t.test('A call over the concurrency limit is refused with 503 and Retry-After', async (t) => {
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

t.test('A GET on a connection that the platform just closed is repeated; a POST fails with 502', async (t) => {
  const used = new WeakSet<object>()
  const { url: baseUrl, seen } = await platform(t, (_, response, { socket }) => {
    // As if it had closed the connection just before the request arrived.
    if (used.has(socket)) return void socket.destroy()
    used.add(socket)
    response.end('{"errcode":0}')
  })
  const { url, on } = await proxied(t, { baseUrl })
  for (let times = 0; times < 5; times++) t.match((await ask(url, on('/cgi-bin/user/info'))).json, { errcode: 0 })
  t.ok(seen.length > 5, 'connections were reused')
  const posts = []
  for (let times = 0; times < 4; times++) posts.push(await post(url, on('/cgi-bin/message/send'), '{}'))
  t.ok(posts.some(({ status }) => status === 502) && posts.some(({ status }) => status === 200))
})
