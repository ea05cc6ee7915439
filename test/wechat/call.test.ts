// What `call` sends and what it makes of an answer, over a real socket.
import { createReadStream, openAsBlob, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable, Stream } from 'node:stream'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { type Part, parseMultipart } from '../../src/testing/model/multipart.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog, memoryStore, rejectionOf, setUp, WeChatError, wechat } from './setup.js'

interface Received {
  path: string
  query: URLSearchParams
  type: string | undefined
  length: string | undefined
  body: Buffer
}

type Answer = (response: ServerResponse, received: Received) => void

const json = (text: string): Answer => {
  return (response) => void response.end(text)
}

/** A platform whose calls are answered by a test. It counts the tokens that it gives out. */
async function platform(t: Test, answer: Answer) {
  const calls: Received[] = []
  let tokens = 0
  const server = createServer(async (request: IncomingMessage, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { pathname: path, searchParams: query } = new URL(request.url!, 'http://localhost')
    if (path === '/cgi-bin/token') return response.end(`{"access_token":"token-${++tokens}","expires_in":7200}`)
    const { 'content-type': type, 'content-length': length } = request.headers
    const received = { path, query, type, length, body: Buffer.concat(chunks) }
    calls.push(received)
    // As the real platform does with a body whose length it is not told.
    if (request.method === 'POST' && length === undefined) return response.writeHead(412).end()
    answer(response, received)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const dog = createDog({ store: memoryStore() })
  t.teardown(async () => {
    await dog.close()
    server.closeAllConnections()
    server.close()
  })
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const wx = wechat({ appId: 'wx0', appSecret: 'app-secret-1', baseUrl, dog, timeout: 20 })
  return { wx, calls, tokens: () => tokens }
}

/** Refuses each token that a test has named dead. */
function refusingDead(answer: Answer): Answer {
  return (response, received) => {
    if (received.query.get('access_token')?.startsWith('dead'))
      response.end('{"errcode":42001,"errmsg":"access_token expired"}')
    else answer(response, received)
  }
}

const PNG = Buffer.from('89504e470d0a1a0a00ff0a0d7b7d', 'hex')

t.test('a raw control character in an answer is part of its string', async (t) => {
  const { wx } = await platform(t, json('{\n\t"nickname":"a\u0001b\u001f\nc\\"\t","openid":"o\\\\"}'))
  t.same(await wx.call('/cgi-bin/user/info'), { nickname: 'a\u0001b\u001f\nc"\t', openid: 'o\\' })
})

t.test('an integer that a number cannot hold is a string of its digits, and all other numbers are numbers', async (t) => {
  const ids = '"msgid":271781022721654785,"low":-9007199254740993,"list":[9007199254740992,1]'
  const others = '"safe":9007199254740991,"text":"271781022721654785","e":1e3,"d":-12.5,"long":1234567890123456.5,"z":0'
  const { wx } = await platform(t, json(`{"errcode":0,${ids},${others}}`))
  t.same(await wx.call('/cgi-bin/message/template/send', { body: {} }), {
    errcode: 0,
    msgid: '271781022721654785',
    low: '-9007199254740993',
    list: ['9007199254740992', 1],
    safe: 9007199254740991,
    text: '271781022721654785',
    e: 1000,
    d: -12.5,
    long: 1234567890123456.5,
    z: 0,
  })
})

t.test('a bigint is sent as an integer, in the body and in the query', async (t) => {
  const { wx, calls } = await platform(t, json('{}'))
  await wx.call('/x', { body: { msg_id: 271781022721654785n, list: [1n], name: '1n' }, query: { id: 271781022721654785n } })
  t.equal(calls[0]!.body.toString(), '{"msg_id":271781022721654785,"list":[1],"name":"1n"}')
  t.equal(calls[0]!.query.get('id'), '271781022721654785')
})

t.test('a form with files is uploaded in one call, and once more after a dead token', async (t) => {
  const { wx, calls, tokens } = await platform(t, refusingDead(json('{"media_id":"M"}')))
  const file = join(temporaryFolder(t), 'photo.png')
  writeFileSync(file, PNG)
  const body = new FormData()
  body.append('media', await openAsBlob(file, { type: 'image/png' }), '照片.png')
  body.append('description', '{"title":"标题"}')
  await wx.accessToken.set('dead', { expiresIn: 60 })
  t.same(await wx.call('/cgi-bin/media/upload', { query: { type: 'image' }, body }), { media_id: 'M' })
  t.same([tokens(), calls.length], [1, 2])
  for (const { type, body } of calls) {
    const parts: Part[] = parseMultipart(type, body)
    t.same(parts, [
      { name: 'media', filename: '照片.png', type: 'image/png', content: PNG },
      { name: 'description', filename: undefined, type: undefined, content: Buffer.from('{"title":"标题"}') },
    ])
  }
})

t.test('bytes, blobs, parameters and streams of every kind are sent as what they are, with their length', async (t) => {
  const { wx, calls } = await platform(t, refusingDead(json('{}')))
  const file = join(temporaryFolder(t), 'x.bin')
  writeFileSync(file, PNG)
  const bytes = 'application/octet-stream'
  // The package form-data makes streams of an old kind, which begin when they are piped.
  class OldStream extends Stream {
    getHeaders = () => ({ 'content-type': 'multipart/form-data; boundary=b' })
    override pipe<T extends NodeJS.WritableStream>(target: T): T {
      setImmediate(() => {
        this.emit('data', PNG)
        this.emit('end')
      })
      return super.pipe(target)
    }
  }
  async function* generated() {
    yield PNG.subarray(0, 3)
    yield PNG.subarray(3)
  }
  const bodies: [string, unknown, string, Buffer?][] = [
    ['a Buffer', PNG, bytes],
    ['a view', new DataView(Uint8Array.from([1, ...PNG, 2]).buffer, 1, PNG.length), bytes],
    ['an ArrayBuffer', Uint8Array.from(PNG).buffer, bytes],
    ['a Blob', new Blob([PNG], { type: 'image/png' }), 'image/png'],
    ['a Blob without a type', new Blob([PNG]), bytes],
    [
      'parameters',
      new URLSearchParams({ a: '中 &' }),
      'application/x-www-form-urlencoded; charset=utf-8',
      Buffer.from('a=%E4%B8%AD+%26'),
    ],
    ['a file stream', createReadStream(file), bytes],
    ['a web stream', new Blob([PNG]).stream(), bytes],
    ['a generator', generated(), bytes],
    ['an old stream with a type', new OldStream(), 'multipart/form-data; boundary=b'],
  ]
  for (const [name, body, type, content = PNG] of bodies) {
    await wx.accessToken.set(`dead ${name}`, { expiresIn: 60 })
    calls.length = 0
    await wx.call('/x', { body })
    t.equal(calls.length, 2, `${name} is sent again after a dead token`)
    for (const call of calls) t.match(call, { type, body: content, length: String(content.length) }, name)
  }
})

t.test('a stream that was read, breaks, is too long or never ends is an error before a token is fetched', async (t) => {
  const { wx, calls, tokens } = await platform(t, json('{}'))
  const read = Readable.from([PNG])
  for await (const _ of read);
  await t.rejects(wx.call('/x', { body: read }), { name: 'TypeError', message: /^body must not be a stream that was read/ })
  const broken = new Readable({ read: () => void broken.destroy(new Error('the disk is gone')) })
  await t.rejects(wx.call('/x', { body: broken }), { message: 'the disk is gone' })
  const chunk = Buffer.alloc(1 << 20)
  const endless = new Readable({ read: () => void endless.push(chunk) })
  await t.rejects(wx.call('/x', { body: endless }), { name: 'TypeError', message: 'body must have at most 67108864 bytes' })
  t.ok(endless.destroyed)
  const { account } = await setUp(t)
  const impatient = wechat({ ...account, dog: createDog({ store: memoryStore() }), timeout: 0.2 })
  const silent = new Readable({ read: () => {} })
  t.match(await rejectionOf(impatient.call('/x', { body: silent })), { code: 'WECHAT_TIMEOUT', path: '/x' })
  t.same([tokens(), calls.length], [0, 0])
})

t.test('a QR code comes as a Buffer or a stream, also after a dead token', async (t) => {
  const { wx, calls, tokens } = await platform(
    t,
    refusingDead((response) => {
      response.writeHead(200, { 'content-type': 'image/png' })
      response.write(PNG.subarray(0, 1))
      setTimeout(() => response.end(PNG.subarray(1)), 20)
    }),
  )
  await wx.accessToken.set('dead-1', { expiresIn: 60 })
  const png = await wx.call('/wxa/getwxacodeunlimit', { body: { scene: 'a' }, as: 'buffer' })
  t.ok(Buffer.isBuffer(png))
  t.same(png, PNG)
  await wx.accessToken.set('dead-2', { expiresIn: 60 })
  const stream = await wx.call('/wxa/getwxacodeunlimit', { body: { scene: 'a' }, as: 'stream' })
  t.ok(stream instanceof Readable)
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  t.same(Buffer.concat(chunks), PNG)
  t.same([tokens(), calls.length], [2, 4])
})

t.test('an errcode in place of a file is a WeChatError, whatever its content type and its chunks', async (t) => {
  const { wx } = await platform(t, (response) => {
    response.writeHead(200, { 'content-type': 'image/jpeg' })
    response.write('\ufeff \n')
    setTimeout(() => response.end('{"errcode":41030,"errmsg":"invalid page rid: 6aac005a-01bfdbee-79769285"}'), 20)
  })
  for (const as of ['buffer', 'stream'] as const) {
    const error = await rejectionOf(wx.call('/wxa/getwxacodeunlimit', { body: {}, as } as never))
    t.match(error, { name: 'WeChatError', errcode: 41030, kind: 'permanent', rid: '6aac005a-01bfdbee-79769285' })
  }
})

t.test('a file that is JSON, or that begins like it, is a file', async (t) => {
  const files: [Record<string, string>, string][] = [
    [{}, '{"video_url":"https://example.com/"}'],
    [{}, '{not JSON'],
    [{}, ''],
    [{}, `{${' '.repeat(100_000)}"errcode":1}`],
    [{ 'content-disposition': 'attachment; filename="data.json"' }, '{"errcode":1}'],
  ]
  let next = files[0]!
  const { wx } = await platform(t, (response) => void response.writeHead(200, next[0]).end(next[1]))
  for (const file of files) {
    next = file
    t.equal(String(await wx.call('/cgi-bin/media/get', { as: 'buffer' })), file[1])
    const chunks: string[] = []
    for await (const chunk of await wx.call('/cgi-bin/media/get', { as: 'stream' })) chunks.push(String(chunk))
    t.equal(chunks.join(''), file[1])
  }
})

t.test('a file that breaks off is an error without a secret, and a stream that is destroyed ends its request', async (t) => {
  let closed: Promise<unknown> = Promise.resolve()
  const { wx } = await platform(t, (response, { path }) => {
    closed = new Promise((resolve) => response.once('close', resolve))
    response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': 1000 })
    response.write(PNG, () => path === '/broken' && setTimeout(() => response.destroy(), 20))
  })
  t.match(await rejectionOf(wx.call('/broken', { as: 'buffer' })), { code: 'WECHAT_TRANSPORT', path: '/broken' })
  const broken = await wx.call('/broken', { as: 'stream' })
  const error = await rejectionOf(
    (async () => {
      for await (const _ of broken);
    })(),
  )
  t.match(error, { name: 'WeChatError', code: 'WECHAT_TRANSPORT' })
  t.notMatch(inspect(error, { depth: 9, showHidden: true }), /token-1|app-secret/)
  const left = await wx.call('/left', { as: 'stream' })
  left.destroy()
  await closed
})

t.test('the time-out of a stream ends when its answer begins', async (t) => {
  const { account } = await setUp(t)
  const server = createServer((_request, response) => {
    response.write(PNG)
    setTimeout(() => response.end(PNG), 600)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void server.close())
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const wx = wechat({ ...account, dog: createDog({ store: memoryStore() }), baseUrl, timeout: 0.3 })
  const chunks: Buffer[] = []
  for await (const chunk of await wx.call('/slow', { as: 'stream', token: false })) chunks.push(chunk)
  t.same(Buffer.concat(chunks), Buffer.concat([PNG, PNG]))
  t.match(await rejectionOf(wx.call('/slow', { as: 'buffer', token: false })), { code: 'WECHAT_TIMEOUT' })
})

t.test('a path without a token works while no token can be fetched', async (t) => {
  const { fake, wx } = await setUp(t)
  fake.fail('token', 45009)
  await rejectionOf(wx.accessToken.get())
  const { appId: appid, appSecret: secret } = fake
  const query = { appid, secret, js_code: 'the-code', grant_type: 'authorization_code' }
  t.match(await wx.call('/sns/jscode2session', { token: false, query }), { openid: /^o/, session_key: /./ })
  t.equal(fake.count.token, 1)
  const wrong = await rejectionOf(
    wx.call('/sns/jscode2session', { token: false, query: { ...query, secret: 'wrong-secret-1' } }),
  )
  t.match(wrong, { name: 'WeChatError', errcode: 40125 })
  t.equal(fake.count.token, 1)
})

t.test('without a token 40001 is a wrong secret, and with a token of the query it is a dead one', async (t) => {
  const { wx, calls, tokens } = await platform(t, (response, { query }) => {
    response.end(
      JSON.stringify({ errcode: 40001, errmsg: `invalid credential ${query.get('secret')} ${query.get('access_token')}` }),
    )
  })
  const secret = 'another-secret-1'
  const noToken = await rejectionOf(wx.call('/sns/x', { token: false, query: { secret } }))
  t.match(noToken, { kind: 'permanent', errcode: 40001 })
  const usersToken = await rejectionOf(wx.call('/sns/userinfo', { token: false, query: { access_token: 'users-token-1' } }))
  t.match(usersToken, { kind: 'rejected', errcode: 40001 })
  t.ok(noToken instanceof WeChatError)
  t.notMatch(inspect([noToken, usersToken], { depth: 9, showHidden: true }), /another-secret|users-token/)
  t.equal(calls[1]!.query.get('access_token'), 'users-token-1')
  t.same([tokens(), calls.length], [0, 2])
})
