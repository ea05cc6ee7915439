// What each endpoint sends, and which error each wrong response becomes, over a real socket.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { callWithToken, fetchStableToken, fetchTicket, fetchToken, type SecretAccount } from '../../src/wechat/api/endpoints.js'
import { WeChatError } from '../../src/wechat/api/errors.js'

const TOKEN = 'secret-token-value'
const SECRET = 'secret-app-value/+='

type Responder = (response: ServerResponse, request: IncomingMessage, body: string) => void

async function upstream(t: Test, answer: Responder): Promise<SecretAccount> {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    answer(response, request, body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { appId: 'wx0', appSecret: SECRET, baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const neverAborted = new AbortController().signal

async function errorOf(task: Promise<unknown>): Promise<WeChatError> {
  try {
    await task
  } catch (error) {
    if (error instanceof WeChatError) return error
    throw error
  }
  throw new Error('did not reject')
}

function json(value: unknown): Responder {
  return (response) => response.end(JSON.stringify(value))
}

t.test('a classic token is requested with the grant type, the account and the secret', async (t) => {
  let asked = ''
  const account = await upstream(t, (response, request) => {
    asked = `${request.method} ${request.url}`
    response.end('{"access_token":"A","expires_in":7200}')
  })
  t.same(await fetchToken(account, neverAborted), { value: 'A', expiresIn: 7200 })
  t.equal(asked, 'GET /cgi-bin/token?grant_type=client_credential&appid=wx0&secret=secret-app-value%2F%2B%3D')
})

t.test('a stable token is requested by POST, with JSON of known length and no query', async (t) => {
  const seen: unknown[] = []
  const account = await upstream(t, (response, request, body) => {
    const { 'content-length': length, 'content-type': type, 'transfer-encoding': chunks } = request.headers
    seen.push(`${request.method} ${request.url}`, length === String(body.length), type, chunks, JSON.parse(body))
    response.end('{"access_token":"A","expires_in":345}')
  })
  t.same(await fetchStableToken(account, false, neverAborted), { value: 'A', expiresIn: 345 }, 'the seconds that are left')
  await fetchStableToken(account, true, neverAborted)
  const head = ['POST /cgi-bin/stable_token', true, 'application/json; charset=utf-8', undefined]
  const body = { grant_type: 'client_credential', appid: 'wx0', secret: SECRET }
  t.same(seen, [...head, { ...body, force_refresh: false }, ...head, { ...body, force_refresh: true }])
})

t.test('a stable token with less than a second left is kept for a second', async (t) => {
  const account = await upstream(t, json({ access_token: 'A', expires_in: 0 }))
  t.same(await fetchStableToken(account, false, neverAborted), { value: 'A', expiresIn: 1 })
})

t.test('a card ticket is requested with its type', async (t) => {
  let asked = ''
  const account = await upstream(t, (response, request) => {
    asked = String(request.url)
    response.end('{"errcode":0,"errmsg":"ok","ticket":"C","expires_in":7200}')
  })
  t.same(await fetchTicket(account, 'wx_card', 'A', neverAborted), { value: 'C', expiresIn: 3600 })
  t.equal(asked, '/cgi-bin/ticket/getticket?access_token=A&type=wx_card')
})

t.test('an expires_in that is a string of digits is a lifetime', async (t) => {
  const answer = { access_token: 'A', ticket: 'J', expires_in: '1200' }
  const account = await upstream(t, json(answer))
  t.same(await fetchToken(account, neverAborted), { value: 'A', expiresIn: 1200 })
  t.same(await fetchStableToken(account, false, neverAborted), { value: 'A', expiresIn: 1200 })
  t.same(await fetchTicket(account, 'jsapi', 'A', neverAborted), { value: 'J', expiresIn: 1200 })
})

t.test('a ticket is kept for an hour at most, and for less if the platform says so', async (t) => {
  let asked = ''
  let expires_in = 7200
  const account = await upstream(t, (response, request) => {
    asked = `${request.method} ${request.url}`
    response.end(JSON.stringify({ errcode: 0, errmsg: 'ok', ticket: 'J', expires_in }))
  })
  t.same(await fetchTicket(account, 'jsapi', 'A', neverAborted), { value: 'J', expiresIn: 3600 })
  t.equal(asked, 'GET /cgi-bin/ticket/getticket?access_token=A&type=jsapi')
  expires_in = 120
  t.same(await fetchTicket(account, 'jsapi', 'A', neverAborted), { value: 'J', expiresIn: 120 })
})

t.test('a body is sent as UTF-8 with its length, and never in chunks', async (t) => {
  const seen: (string | undefined)[] = []
  const account = await upstream(t, (response, request, body) => {
    seen.push(request.headers['content-length'], request.headers['transfer-encoding'], body)
    response.end('{"errcode":0,"errmsg":"ok"}')
  })
  const call = { method: 'POST', path: '/cgi-bin/menu/create', query: {} } as const
  t.same(
    await callWithToken(account, 'A', { ...call, body: { content: '{"名":1}', type: 'application/json' } }, neverAborted),
    { errcode: 0, errmsg: 'ok' },
  )
  await callWithToken(account, 'A', { ...call, body: undefined }, neverAborted)
  t.same(seen, ['9', undefined, '{"名":1}', '0', undefined, ''])
})

t.test('parameters are encoded once, and undefined ones are left out', async (t) => {
  let asked: string | undefined
  const account = await upstream(t, (response, request) => {
    asked = request.url
    response.end('{}')
  })
  const query = { q: 'a&b=中', n: 1, gone: undefined }
  await callWithToken(account, 'A', { method: 'GET', path: '/cgi-bin/x', query, body: undefined }, neverAborted)
  t.equal(asked, '/cgi-bin/x?access_token=A&q=a%26b%3D%E4%B8%AD&n=1')
})

t.test('JSON is accepted with any content type', async (t) => {
  for (const type of ['text/plain', 'application/json; encoding=utf-8', 'text/html']) {
    const account = await upstream(t, (response) => {
      response.setHeader('content-type', type)
      response.end('{"access_token":"A","expires_in":7200}')
    })
    t.same(await fetchToken(account, neverAborted), { value: 'A', expiresIn: 7200 }, type)
  }
})

const wrongResponses: [string, Responder, RegExp][] = [
  ['a gateway with 502', (r) => r.writeHead(502).end('<html>'), /HTTP status 502/],
  ['an empty 412', (r) => r.writeHead(412).end(), /HTTP status 412/],
  ['a redirect', (r) => r.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), /HTTP status 302/],
  ['HTML with 200', (r) => r.end(`<html>${TOKEN}</html>`), /HTML instead of JSON, \d+ bytes/],
  ['an empty response', (r) => r.end(), /an empty response/],
  ['truncated JSON', (r) => r.end(`{"access_token":"${TOKEN}`), /not valid JSON/],
  ['a JSON list', json([TOKEN]), /not a JSON object/],
  ['JSON null', json(null), /not a JSON object/],
  ['a JSON string', json(TOKEN), /not a JSON object/],
  ['a response without a token', json({ expires_in: 7200 }), /no access_token/],
  ['an empty token', json({ access_token: '', expires_in: 7200 }), /no access_token/],
  ['a token that is no string', json({ access_token: 1, expires_in: 7200 }), /no access_token/],
  ['a response without expires_in', json({ access_token: TOKEN }), /no usable expires_in/],
  ['an expires_in that is no number', json({ access_token: TOKEN, expires_in: 'soon' }), /no usable expires_in/],
  ['an expires_in of 0', json({ access_token: TOKEN, expires_in: 0 }), /no usable expires_in/],
  ['an errcode that is no number', json({ errcode: { TOKEN }, errmsg: TOKEN }), /errcode is not a number/],
  ['a dropped connection', (r) => r.socket?.destroy(), /the connection failed \(UND_ERR_SOCKET\)/],
  [
    'a connection dropped in the middle of the response',
    (r) => {
      r.writeHead(200, { 'content-length': 1000 })
      r.write(`{"access_token":"${TOKEN}`, () => r.socket?.destroy())
    },
    /the connection failed/,
  ],
]

for (const [name, answer, message] of wrongResponses) {
  t.test(`${name} is a transient error without a secret`, async (t) => {
    const error = await errorOf(fetchToken(await upstream(t, answer), neverAborted))
    t.match(error, { code: 'WECHAT_TRANSPORT', kind: 'transient', path: '/cgi-bin/token', retryAfter: undefined })
    t.match(error.message, message)
    t.equal(error.cause, undefined)
    t.notMatch(inspect(error, { depth: 9, showHidden: true }), /secret-|secret=|grant_type=/)
    // The platform rounds down what is left of a stable token, so that 0 is valid.
    if (name.endsWith('expires_in of 0')) return
    const stable = await errorOf(fetchStableToken(await upstream(t, answer), false, neverAborted))
    t.match(stable, { code: 'WECHAT_TRANSPORT', kind: 'transient', path: '/cgi-bin/stable_token' })
    t.notMatch(inspect(stable, { depth: 9, showHidden: true }), /secret-|"secret|grant_type/)
  })
}

t.test('a response without a ticket is an error, and its token is not used as the ticket', async (t) => {
  const account = await upstream(t, json({ errcode: 0, errmsg: 'ok', access_token: TOKEN, expires_in: 7200 }))
  t.match((await errorOf(fetchTicket(account, 'jsapi', TOKEN, neverAborted))).message, /no ticket/)
})

t.test('a refused connection is an error with its code', async (t) => {
  const error = await errorOf(fetchToken({ appId: 'wx0', appSecret: SECRET, baseUrl: 'http://127.0.0.1:1' }, neverAborted))
  t.match(error.message, /the connection failed \(ECONNREFUSED\)/)
  t.notMatch(inspect(error, { depth: 9, showHidden: true }), /secret-|secret=/)
})

t.test('an errcode is an error as a number and as a string, and 0 is success as either', async (t) => {
  t.match(await errorOf(fetchToken(await upstream(t, json({ errcode: '40013', errmsg: 'invalid appid' })), neverAborted)), {
    errcode: 40013,
  })
  const account = await upstream(t, json({ errcode: '0', access_token: 'A', expires_in: 60 }))
  t.match(await fetchToken(account, neverAborted), { value: 'A' })
})

t.test('a time-out and an aborted request have different codes', async (t) => {
  const account = await upstream(t, () => {})
  t.match(await errorOf(fetchToken(account, AbortSignal.timeout(50))), { code: 'WECHAT_TIMEOUT', kind: 'transient' })
  const controller = new AbortController()
  const pending = errorOf(fetchToken(account, controller.signal))
  setTimeout(() => controller.abort(new Error(`lost ${TOKEN}`)), 50)
  const error = await pending
  t.match(error, { code: 'WECHAT_ABORTED' })
  t.notMatch(inspect(error, { depth: 9, showHidden: true }), /secret-/)
})

t.test('a response of more than 32 MiB is given up', async (t) => {
  const chunk = Buffer.alloc(1 << 20, 'x')
  const account = await upstream(t, async (response) => {
    for (let i = 0; i < 40 && !response.destroyed; i++) {
      if (!response.write(chunk)) await new Promise((resolve) => response.once('drain', resolve).once('close', resolve))
    }
    response.end()
  })
  const error = await errorOf(fetchToken(account, neverAborted))
  t.match(error, { code: 'WECHAT_TRANSPORT', message: /longer than 33554432 bytes/ })
})
