import { randomBytes } from 'node:crypto'
import t from 'tap'
import { platform } from './platform.js'
import { ask, post, query, setUp } from './setup.js'

const INFO = '/cgi-bin/user/info'
const SEND = '/cgi-bin/message/custom/send'

t.test('A call is passed on with the valid token, and with the rest of the query unchanged', async (t) => {
  const { url: baseUrl, seen } = await platform(t)
  const { url, token, add, fake } = await setUp(t, { baseUrl })
  const { access_token } = await token(add('shop', { mayProxy: true }))
  const rest = 'openid=a%2Bb+c&lang=zh_CN&name=%E4%B8%AD%20x&a=1&a=2&flag'
  const { status, headers, json } = await ask(url, `${INFO}?access_token=${access_token}&${rest}`)
  t.same([status, json], [200, { errcode: 0, errmsg: 'ok' }])
  t.equal(headers['content-type'], 'application/json')
  t.equal(seen[0]!.url, `${INFO}?access_token=${fake.currentToken()}&${rest}`)

  const body = JSON.stringify({ touser: 'o', msgtype: 'text', text: { content: '中文 "x" \u2028' } })
  await post(url, `${SEND}?a=1&access_token=${access_token}`, body, { 'content-type': 'application/json' })
  t.match(seen[1], { method: 'POST', url: `${SEND}?access_token=${fake.currentToken()}&a=1` })
  t.equal(seen[1]!.body.toString('utf8'), body)
  t.match(seen[1]!.headers, { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) })
})

t.test('The path of baseUrl is kept', async (t) => {
  const { url: baseUrl, seen } = await platform(t)
  const { url, token, add } = await setUp(t, { baseUrl: `${baseUrl}/by/way/of` })
  const { access_token } = await token(add('shop', { mayProxy: true }))
  await ask(url, `/wxa/x${query({ access_token })}`)
  t.match(seen[0]!.url, /^\/by\/way\/of\/wxa\/x\?/)
})

t.test('Headers that identify the client, or concern one connection, are not passed on', async (t) => {
  const { url: baseUrl, seen } = await platform(t, (_, response) => {
    const own = { 'set-cookie': 'a=1', 'x-hop': 'h', connection: 'close, x-hop', 'keep-alive': 'timeout=9' }
    response.writeHead(200, { ...own, 'content-type': 'image/png', 'content-disposition': 'attachment; filename="a.png"' })
    response.end(Buffer.from([0x89, 0x50]))
  })
  const { url, token, add } = await setUp(t, { baseUrl })
  const { access_token } = await token(add('shop', { mayProxy: true }))
  const through = { 'user-agent': 'test', accept: 'image/*', range: 'bytes=0-1' }
  const own = {
    authorization: 'Bearer x',
    cookie: 'c=1',
    'x-forwarded-for': '10.0.0.1',
    te: 'trailers',
    'accept-encoding': 'gzip',
  }
  const { headers, bytes } = await ask(url, `/cgi-bin/media/get${query({ access_token })}`, { headers: { ...through, ...own } })
  t.match(seen[0]!.headers, { ...through, host: new URL(baseUrl).host, 'accept-encoding': 'identity' })
  for (const name of ['authorization', 'cookie', 'x-forwarded-for', 'te']) t.notOk(name in seen[0]!.headers, name)
  t.match(headers, { 'content-type': 'image/png', 'content-disposition': 'attachment; filename="a.png"' })
  for (const name of ['set-cookie', 'x-hop']) t.notOk(name in headers, name)
  t.same(bytes, Buffer.from([0x89, 0x50]))
})

t.test('A redirect is passed on with its status and not followed', async (t) => {
  const { url: elsewhere, seen } = await platform(t)
  const { url: baseUrl } = await platform(
    t,
    (_, response) => void response.writeHead(302, { location: `${elsewhere}/x` }).end(),
  )
  const { url, token, add } = await setUp(t, { baseUrl })
  const { access_token } = await token(add('shop', { mayProxy: true }))
  const { status, headers } = await ask(url, `${INFO}${query({ access_token })}`)
  t.same([status, headers.location], [302, `${elsewhere}/x`])
  t.equal(seen.length, 0)
})

t.test('A chunked body is sent with a content-length, because the platform answers 412 without one', async (t) => {
  const { url: baseUrl, seen } = await platform(t)
  const { url, token, add } = await setUp(t, { baseUrl })
  const { access_token } = await token(add('shop', { mayProxy: true }))
  const body = randomBytes(200_000)
  await ask(url, `${SEND}${query({ access_token })}`, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } }, body)
  t.equal(seen[0]!.headers['content-length'], String(body.length))
  t.notOk('transfer-encoding' in seen[0]!.headers)
  t.ok(seen[0]!.body.equals(body))
  await ask(url, `${SEND}${query({ access_token })}`, { method: 'POST', headers: { 'content-length': '0' } })
  t.equal(seen[1]!.headers['content-length'], '0', 'an empty body has one as well')
})

t.test('A call needs a client with the right to proxy and an access token that this server issued', async (t) => {
  const { fake, url, token, add, revoke, refused, wx, advance } = await setUp(t)
  const call = async (access_token: string) => (await ask(url, `${INFO}${query({ access_token, openid: 'o1' })}`)).json
  const dead = { errcode: 40001, errmsg: /^invalid credential/, openid: undefined }
  t.match(await call('2'), dead)
  t.match(await call(await wx.accessToken.get()), dead, 'valid, but not issued by this server')
  t.match((await ask(url, INFO)).json, { errcode: 41001, errmsg: /^access_token missing/ })
  t.match((await ask(url, `${INFO}${query({ access_token: '' })}`)).json, { errcode: 41001 })
  const plain = add('plain')
  const { access_token } = await token(plain)
  t.match(await call(access_token), { errcode: 48001, errmsg: /^api unauthorized/, openid: undefined })
  t.match(await call(plain), dead, 'a client token is no access token')
  const secret = add('shop', { mayProxy: true })
  await token(secret)
  t.match(await call(access_token), { openid: 'o1' })
  t.match((await ask(url, `${INFO}?access_token=${access_token}&access_token=x&openid=o1`)).json, { errcode: 40097 })
  revoke(secret)
  t.match(await call(access_token), dead, 'at once')
  const again = add('again', { mayProxy: true })
  const other = (await token(again)).access_token
  t.match(await call(other), { openid: 'o1' })
  advance(361)
  t.match(await call(other), dead, 'a token is accepted only as long as its client was told')
  // A token that is no longer known, for example after a restart, is no wrong guess: its client
  // must get 40001.
  t.same(refused, [41001, 41001])
  t.equal(fake.count.call, 2)
})

t.test('A client with the token from before a rotation still gets through, and the new token is sent', async (t) => {
  const { url: baseUrl, seen } = await platform(t)
  const { fake, url, token, add, wx } = await setUp(t, { baseUrl })
  const { access_token } = await token(add('shop', { mayProxy: true }))
  await wx.accessToken.refresh()
  t.not(fake.currentToken(), access_token)
  await ask(url, `${INFO}${query({ access_token })}`)
  t.equal(seen[0]!.query.get('access_token'), fake.currentToken())
})

t.test('A dead token is replaced and the call repeated without the client noticing', async (t) => {
  const { fake, url, token, add, probes } = await setUp(t)
  const { access_token } = await token(add('shop', { mayProxy: true }))
  fake.killToken()
  const calls = Array.from({ length: 20 }, (_, index) =>
    index % 2
      ? ask(url, `${INFO}${query({ access_token, openid: 'o1' })}`)
      : post(url, `${SEND}${query({ access_token })}`, '{"touser":"o1"}'),
  )
  for (const { json } of await Promise.all(calls)) t.notOk(json.errcode, JSON.stringify(json))
  t.same(probes(), [40001, 0])
  t.equal(fake.count.token, 2)
})

t.test('A long body is not repeated: its 40001 is passed on, and the next call has the new token', async (t) => {
  const { fake, url, token, add } = await setUp(t)
  const secret = add('shop', { mayProxy: true })
  const { access_token } = await token(secret)
  fake.killToken()
  const upload = () => post(url, `${SEND}${query({ access_token })}`, JSON.stringify({ text: 'x'.repeat(100_000) }))
  t.match((await upload()).json, { errcode: 40001 })
  t.equal(fake.count.token, 2, 'replaced before the answer')
  t.match((await upload()).json, { errcode: 0 })
  t.equal((await token(secret)).access_token, fake.currentToken())
  t.equal(fake.count.token, 2)
})

t.test('A path that always answers 40014 causes no fetch, because the probe finds the token alive', async (t) => {
  const { url: baseUrl, seen } = await platform(
    t,
    (_, response) => void response.end('{"errcode":40014,"errmsg":"invalid access_token"}'),
  )
  const { fake, url, token, add, probes } = await setUp(t, { baseUrl })
  const { access_token } = await token(add('shop', { mayProxy: true }))
  for (let times = 0; times < 5; times++)
    t.match((await ask(url, `${INFO}${query({ access_token })}`)).json, { errcode: 40014 })
  t.equal(seen.length, 5)
  t.same(probes(), [0])
  t.equal(fake.count.token, 1)
})

t.test('Other errcodes, and answers that only resemble one, are passed on unchanged', async (t) => {
  let text = ''
  const { url: baseUrl, seen } = await platform(t, (_, response) => void response.end(text))
  const { fake, url, token, add, probes } = await setUp(t, { baseUrl })
  const { access_token } = await token(add('shop', { mayProxy: true }))
  const long = JSON.stringify({ errcode: 40001, list: 'x'.repeat(70_000) })
  for (text of [
    '{"errcode":45009}',
    '{"list":[{"errcode":40001}]}',
    '[40001]',
    '{"errcode":4000',
    '',
    ' \n',
    '{',
    'null',
    long,
  ]) {
    t.equal((await ask(url, `${INFO}${query({ access_token })}`)).bytes.toString(), text)
  }
  t.equal(seen.length, 9)
  t.same(probes(), [])
  t.equal(fake.count.token, 1)
})
