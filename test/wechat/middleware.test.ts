// The handler for the server URL of an account, on every kind of server.
import { request as httpRequest } from 'node:http'
import t from 'tap'
import type { PushedMessage } from '../../src/wechat/push/answer.js'
import { encryptedTextOf } from '../../src/wechat/push/envelope.js'
import { decryptMessage, encryptMessage } from '../../src/wechat/push/message-crypto.js'
import { handshake } from '../../src/wechat/push/middleware.js'
import { pushSignature } from '../../src/wechat/push/signature.js'
import { pushed } from '../unit/wechat/push/vectors.js'
import { serve, serverKinds } from './servers.js'

const token = 'AAAAA'
const echostr = '4375120948345356249'
const official = {
  signature: 'f464b24fc39322e44b38aa78f5edd27bd1441696',
  timestamp: '1714036504',
  nonce: '1514711492',
}
const asked = (query: Record<string, string> | string): string => `?${new URLSearchParams(query)}`
const now = (): string => String(Math.floor(Date.now() / 1000))

function signed(timestamp = now(), nonce = '42'): Record<string, string> {
  return { timestamp, nonce, signature: pushSignature([token, timestamp, nonce]) }
}

const post = (url: string, body: string, type = 'text/xml') =>
  fetch(url, { method: 'POST', body, headers: { 'content-type': type } })

const XML = '<xml><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[你好]]></Content></xml>'
const { account, query: safeQuery, encrypted } = pushed[0]!

/** Tencent's example of WeCom. Its onMessage is required. */
const { account: tencent, query: echoQuery, encrypted: encryptedEcho } = pushed[2]!
const { appId: corpId, ...tencentKeys } = tencent
const wecom = { ...tencentKeys, corpId, onMessage: () => {} }

for (const kind of serverKinds) {
  t.test(`${kind.name}: the encrypted echostr of WeCom is answered with its text, as Tencent's example has it`, async (t) => {
    const url = await serve(t, kind, handshake(wecom))
    const answer = await fetch(url + asked({ ...echoQuery, echostr: encryptedEcho }))
    t.equal(answer.status, 200)
    t.match(answer.headers.get('content-type'), /^text\/plain/)
    t.equal(await answer.text(), '1616140317555161061')
    const others = [
      handshake({ ...wecom, corpId: 'ww-other' }),
      handshake({ ...tencent }),
      handshake({ ...wecom, token: 'other' }),
    ]
    for (const other of others) {
      const refused = await fetch((await serve(t, kind, other)) + asked({ ...echoQuery, echostr: encryptedEcho }))
      t.same([refused.status, await refused.text()], [403, ''])
    }
    t.equal((await fetch(url + asked({ ...echoQuery, nonce: '1', echostr: encryptedEcho }))).status, 403)
  })

  t.test(`${kind.name}: a message of WeCom that is sent as an echostr is not decrypted for its sender`, async (t) => {
    const url = await serve(t, kind, handshake(wecom))
    const { query, encrypted } = pushed[1]!
    const replayed = await fetch(url + asked({ ...query, echostr: encrypted }))
    t.same([replayed.status, await replayed.text()], [403, ''])
  })

  t.test(`${kind.name}: a bot's lower-case message for the empty receive id gets a lower-case reply`, async (t) => {
    const bot = { ...tencentKeys, corpId: '' }
    const onMessage = ({ text }: PushedMessage) => {
      t.equal(text, '{"msgtype":"text"}')
      return '{"msgtype":"stream"}'
    }
    const url = await serve(t, kind, handshake({ ...bot, onMessage }))
    const { Encrypt, MsgSignature, TimeStamp, Nonce } = encryptMessage('{"msgtype":"text"}', bot)
    const query = asked({ msg_signature: MsgSignature, timestamp: String(TimeStamp), nonce: Nonce })
    const answer = await post(url + query, JSON.stringify({ encrypt: Encrypt }), 'application/json')
    t.match(answer.headers.get('content-type'), /^application\/json/)
    const reply = (await answer.json()) as Record<string, string>
    t.same(Object.keys(reply), ['encrypt', 'msgsignature', 'timestamp', 'nonce'])
    const given = { msg_signature: reply.msgsignature, timestamp: String(reply.timestamp), nonce: reply.nonce }
    t.equal(decryptMessage(reply, given, bot), '{"msgtype":"stream"}')
    t.equal((await post(url + query, JSON.stringify({ encrypt: Encrypt.replace(/^./, '_') }), 'application/json')).status, 400)
    const sealed = encryptMessage('12345', bot)
    const echo = {
      msg_signature: sealed.MsgSignature,
      timestamp: String(sealed.TimeStamp),
      nonce: sealed.Nonce,
      echostr: sealed.Encrypt,
    }
    t.equal(await (await fetch(url + asked(echo))).text(), '12345')
  })

  t.test(`${kind.name}: the echostr of the console is echoed as plain text`, async (t) => {
    const url = await serve(t, kind, handshake({ token }))
    const answer = await fetch(url + asked({ ...official, echostr }))
    t.equal(answer.status, 200)
    t.match(answer.headers.get('content-type'), /^text\/plain/)
    t.equal(answer.headers.get('x-content-type-options'), 'nosniff')
    t.equal(await answer.text(), echostr)
  })

  t.test(`${kind.name}: an unsigned request gets 403 and no echo`, async (t) => {
    const url = await serve(t, kind, handshake({ token }))
    const { signature, timestamp, nonce } = official
    const twice = (name: string) => `${asked({ ...official, echostr })}&${name}=x`
    for (const query of [
      '',
      asked({ echostr }),
      asked({ ...official, signature: signature.replace('f', 'e'), echostr }),
      asked({ ...official, signature: '', echostr }),
      asked({ timestamp, nonce, echostr }),
      asked({ ...official, nonce: '1', echostr }),
      asked(official),
      asked({ ...official, echostr: 'x'.repeat(3000) }),
      ...['signature', 'timestamp', 'nonce', 'echostr'].map(twice),
      `${asked({ ...official, echostr })}&signature[]=x&__proto__[signature]=x`.replace('signature=', 'signature%5B0%5D='),
      '?%%%=%&signature=%ff',
    ]) {
      const answer = await fetch(url + query)
      t.equal(answer.status, 403, query.slice(0, 200))
      t.equal(await answer.text(), '')
    }
  })

  t.test(`${kind.name}: a verified message goes to onMessage, and its reply is sent back`, async (t) => {
    const messages: PushedMessage[] = []
    const replies = [undefined, '<xml>pong</xml>', '{"a":1}', 'success']
    const onMessage = (message: PushedMessage) => {
      messages.push(message)
      return replies[messages.length - 1]
    }
    const url = await serve(t, kind, handshake({ token, onMessage }))
    for (const query of [asked({}), asked({ ...signed(), signature: '0'.repeat(40) })]) {
      t.equal((await post(url + query, XML)).status, 403)
    }
    t.same(messages, [])
    const types = ['text/plain', 'application/xml', 'application/json', 'text/plain']
    for (const [index, reply] of replies.entries()) {
      const answer = await post(url + asked({ ...signed(), openid: 'o1' }), XML)
      t.equal(answer.status, 200)
      t.ok(answer.headers.get('content-type')?.startsWith(types[index]!), `${answer.headers.get('content-type')}`)
      t.equal(await answer.text(), reply ?? 'success')
      t.match(messages[index], { text: XML, encrypted: false, query: { openid: 'o1' } })
    }
  })

  t.test(`${kind.name}: a message of safe mode is decrypted and its reply encrypted, as XML and as JSON`, async (t) => {
    const onMessage = ({ text, encrypted }: PushedMessage) => {
      t.match(text, '"debug_str":"hello world"')
      t.equal(encrypted, true)
      return 'pong'
    }
    const url = await serve(t, kind, handshake({ ...account, onMessage }))
    const query = asked({ ...safeQuery, encrypt_type: 'aes' })
    for (const [type, body] of [
      ['text/xml', `<xml><Encrypt><![CDATA[${encrypted}]]></Encrypt></xml>`],
      ['application/json', JSON.stringify({ ToUserName: 'gh', Encrypt: encrypted })],
    ] as const) {
      const answer = await post(url + query, body, type)
      t.equal(answer.status, 200)
      const sealed = await answer.text()
      const member = (name: string) => new RegExp(`${name}\\W+(?:CDATA\\W+)?(\\w+)`).exec(sealed)?.[1]
      const given = { msg_signature: member('MsgSignature'), timestamp: member('TimeStamp'), nonce: member('Nonce') }
      t.equal(decryptMessage(encryptedTextOf(sealed)?.text, given, account), 'pong')
    }
  })

  t.test(`${kind.name}: safe mode refuses plain messages, because the plain signature covers no body`, async (t) => {
    const onMessage = () => void t.fail('must not be called')
    const url = await serve(t, kind, handshake({ ...account, onMessage }))
    const plain = await post(url + asked(signed()), XML)
    t.ok(plain.status === 400 || plain.status === 403, `${plain.status}`)
    const { Encrypt } = encryptMessage('forged', { ...account, token: 'other' })
    t.equal((await post(url + asked(signed()), `<xml><Encrypt>${Encrypt}</Encrypt></xml>`)).status, 403)
    t.equal((await post(url + asked(safeQuery), `<xml><Encrypt>${Encrypt}</Encrypt></xml>`)).status, 403)
  })

  t.test(`${kind.name}: without onMessage a verified message goes to the next handler, if there is one`, async (t) => {
    const url = await serve(t, kind, handshake({ token }))
    const answer = await post(url + asked(signed()), XML)
    t.equal(answer.status, kind.hasNext ? 200 : 405)
    t.equal(await answer.text(), kind.hasNext ? 'passed on' : '')
    t.equal((await post(url + asked({}), XML)).status, 403, 'an unverified one does not')
  })

  t.test(`${kind.name}: an onMessage that throws is answered with 500, and the server keeps running`, async (t) => {
    let times = 0
    const onMessage = async () => {
      times += 1
      if (times === 1) throw new Error('broken')
      return 'fine'
    }
    const warnings: Error[] = []
    const warned = (warning: Error) => warnings.push(warning)
    process.on('warning', warned)
    t.teardown(() => process.off('warning', warned))
    const url = await serve(t, kind, handshake({ token, onMessage }))
    t.equal((await post(url + asked(signed()), XML)).status, 500)
    t.equal(await (await post(url + asked(signed()), XML)).text(), 'fine')
    if (kind.name === 'node:http') t.match(warnings, [{ message: 'broken' }])
  })

  t.test(`${kind.name}: maxAge refuses an old request`, async (t) => {
    const url = await serve(t, kind, handshake({ token, maxAge: 300 }))
    t.equal((await fetch(url + asked({ ...official, echostr }))).status, 403)
    t.equal(await (await fetch(url + asked({ ...signed(), echostr }))).text(), echostr)
  })
}

const [node] = serverKinds

t.test('a body of more than 1 MiB is answered with 413', async (t) => {
  const onMessage = () => void t.fail('must not be called')
  const url = await serve(t, node!, handshake({ token, onMessage }))
  const answer = await post(url + asked(signed()), 'x'.repeat((1 << 20) + 1))
  t.equal(answer.status, 413)
})

t.test('other methods than GET and POST are answered with 405', async (t) => {
  const url = await serve(t, node!, handshake({ token }))
  for (const method of ['PUT', 'DELETE', 'PATCH']) {
    const answer = await fetch(url + asked({ ...official, echostr }), { method })
    t.equal(answer.status, 405)
    t.equal(await answer.text(), '')
  }
})

t.test('a client that disconnects in the middle of its body causes no error', async (t) => {
  const onMessage = () => void t.fail('must not be called')
  const answers: Promise<void>[] = []
  const handler = handshake({ token, onMessage })
  const url = await serve(t, node!, (request, response) => {
    const answer = handler(request, response)
    answers.push(answer)
    return answer
  })
  const request = httpRequest(url + asked(signed()), { method: 'POST', headers: { 'content-length': '1000' } })
  request.on('error', () => {})
  request.write('<xml>', () => setTimeout(() => request.destroy(), 50))
  while (answers.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  await t.resolves(answers[0]!)
})

t.test('a body that a parser left is used, and a body that was read without leaving it is answered with 400', async (t) => {
  const texts: string[] = []
  const handler = handshake({ token, onMessage: ({ text }) => void texts.push(text) })
  for (const [body, expected] of [
    [XML, XML],
    [Buffer.from(XML), XML],
    [{ MsgType: 'text' }, '{"MsgType":"text"}'],
    [{}, XML],
    [undefined, XML],
  ] as const) {
    const url = await serve(t, node!, (request, response) => handler(Object.assign(request, { body }), response))
    t.equal((await post(url + asked(signed()), XML)).status, 200)
    t.equal(texts.at(-1), expected)
  }
  const url = await serve(t, node!, async (request, response) => {
    for await (const _chunk of request as AsyncIterable<Buffer>) void _chunk
    return handler(request, response)
  })
  t.equal((await post(url + asked(signed()), XML)).status, 400)
})

t.test('a wrong option is a TypeError that does not show the Token', async (t) => {
  for (const [options, message] of [
    [undefined, /^the options of handshake must be an object/],
    [{}, /^token must be/],
    [{ token: ['secret'] }, /^token must be (?!.*secret)/],
    [{ token, maxAge: '300' }, /^maxAge must be a number of seconds over 0; got "300" \(string\)/],
    [{ token, onMessage: 'x' }, /^onMessage must be a function/],
    [{ token, encodingAESKey: 'short' }, /^appId must be/],
    [{ token, corpId: 'ww0', onMessage: () => {} }, /^encodingAESKey must be/],
    [{ ...wecom, onMessage: undefined }, /^onMessage must be a function/],
    [{ ...wecom, appId: 'wx0' }, /^appId must not be given together with corpId/],
    [{ ...wecom, corpId: 7 }, /^corpId must be a string/],
    [{ token, appId: 'wx0', encodingAESKey: 'short' }, /^encodingAESKey must be the 43 (?!.*short)/],
  ] as const) {
    t.throws(() => handshake(options as never), { name: 'TypeError', message })
  }
})

t.test('an unknown option of handshake is refused, with the nearest name that exists', async (t) => {
  t.throws(() => handshake({ token, encodingAesKey: 'hidden' } as never), {
    name: 'TypeError',
    message: 'unknown option "encodingAesKey" of handshake; did you mean "encodingAESKey"?',
  })
})
