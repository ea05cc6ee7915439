// Messages of safe mode: every published vector, and what strangers may send.
import { createCipheriv } from 'node:crypto'
import { inspect } from 'node:util'
import t from 'tap'
import { encryptedTextOf, messageXml } from '../../../../src/wechat/push/envelope.js'
import {
  aesKeyOf,
  decryptMessage,
  encryptMessage,
  MessageError,
  type PushAccount,
} from '../../../../src/wechat/push/message-crypto.js'
import { type PushQuery, pushSignature } from '../../../../src/wechat/push/signature.js'
import * as vectors from './vectors.js'

for (const { name, account, query, encrypted, message } of vectors.pushed) {
  t.test(`a published message is decrypted: ${name}`, async (t) => {
    t.equal(pushSignature([account.token, query.timestamp, query.nonce, encrypted]), query.msg_signature)
    const xml = `<xml>\n<ToUserName><![CDATA[x]]></ToUserName>\n<Encrypt><![CDATA[${encrypted}]]></Encrypt>\n</xml>`
    for (const body of [encrypted, xml, Buffer.from(xml), `{"Encrypt":"${encrypted}"}`, { Encrypt: encrypted }]) {
      t.match(decryptMessage(body, query, account), message)
    }
  })
}

for (const { name, account, message, options, sealed } of vectors.replies) {
  t.test(`a published reply is encrypted to the same bytes: ${name}`, async (t) => {
    t.match(encryptMessage(message, account, { ...options, random: Buffer.from(options.random) }), sealed)
  })
}

const { account, query, encrypted } = vectors.pushed[0]!
const errorOf = (body: unknown, given: unknown = query, who: PushAccount = account, replay = {}): MessageError => {
  try {
    decryptMessage(body, given as PushQuery, who, replay)
  } catch (error) {
    if (error instanceof MessageError) return error
    throw error
  }
  throw new Error('was decrypted')
}

/**
 * A signed envelope around any bytes. Only the platform, or a program with the Token, could send
 * it.
 */
function signed(bytes: Buffer): [body: string, query: PushQuery] {
  const text = bytes.toString('base64')
  const { timestamp, nonce } = query
  return [text, { timestamp, nonce, msg_signature: pushSignature([account.token, timestamp, nonce, text]) }]
}

function seal(plain: Buffer): [body: string, query: PushQuery] {
  const key = aesKeyOf(account)
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  return signed(Buffer.concat([cipher.update(plain), cipher.final()]))
}

t.test('a message of any length is encrypted with padding, and decrypted again', async (t) => {
  for (let length = 0; length <= 70; length++) {
    const message = '中'.repeat(length % 7) + 'x'.repeat(length)
    const { Encrypt, MsgSignature, TimeStamp, Nonce } = encryptMessage(message, account)
    const given = { msg_signature: MsgSignature, timestamp: String(TimeStamp), nonce: Nonce }
    t.equal(decryptMessage(Encrypt, given, account), message)
    t.equal(Buffer.from(Encrypt, 'base64').length % 32, 0)
  }
})

t.test('two encryptions of one message differ, and have the time in seconds', async (t) => {
  const [one, two] = [encryptMessage('m', account), encryptMessage('m', account)]
  t.not(one.Encrypt, two.Encrypt)
  t.ok(Math.abs(one.TimeStamp - Date.now() / 1000) < 5)
})

t.test('a reply as XML has four members, and no value ends its CDATA section', async (t) => {
  const sealed = encryptMessage('reply', account, { nonce: 'n]]><x>', timestamp: 5 })
  const xml = messageXml(sealed)
  t.match(xml, /^<xml><Encrypt><!\[CDATA\[[\w+/=]+\]\]><\/Encrypt><MsgSignature><!\[CDATA\[[0-9a-f]{40}\]\]><\/MsgSignature>/)
  t.match(xml, '<TimeStamp>5</TimeStamp><Nonce><![CDATA[n]]]]><![CDATA[><x>]]></Nonce></xml>')
  t.equal(encryptedTextOf(xml)?.text, sealed.Encrypt)
})

t.test('a message with a wrong signature is refused before it is decrypted', async (t) => {
  for (const bytes of [Buffer.alloc(32), Buffer.alloc(5), Buffer.from(encrypted, 'base64').reverse()]) {
    t.equal(errorOf(bytes.toString('base64')).code, 'WECHAT_PUSH_SIGNATURE')
  }
})

t.test('a changed message, query or Token is refused', async (t) => {
  const flipped = `${encrypted[0] === 'A' ? 'B' : 'A'}${encrypted.slice(1)}`
  t.equal(errorOf(flipped).code, 'WECHAT_PUSH_SIGNATURE')
  t.equal(errorOf(encrypted, { ...query, nonce: '1' }).code, 'WECHAT_PUSH_SIGNATURE')
  t.equal(errorOf(encrypted, query, { ...account, token: 'BBBBB' }).code, 'WECHAT_PUSH_SIGNATURE')
  const { msg_signature, ...rest } = query
  t.equal(
    errorOf(encrypted, { ...rest, signature: msg_signature }).code,
    'WECHAT_PUSH_SIGNATURE',
    'the plain signature does not count',
  )
})

t.test('a message for another account is refused even with our key and Token', async (t) => {
  t.equal(errorOf(encrypted, query, { ...account, appId: 'wxother' }).code, 'WECHAT_PUSH_APPID')
  t.equal(errorOf(encrypted, query, { ...account, appId: `${account.appId} ` }).code, 'WECHAT_PUSH_APPID')
})

t.test('a wrong key is a MessageError that names the option', async (t) => {
  const error = errorOf(encrypted, query, { ...account, encodingAESKey: `${'A'.repeat(42)}E` })
  t.match(error, { code: /WECHAT_PUSH_(CIPHER|APPID)/, message: /encodingAESKey|appId/ })
})

t.test('a signed message with a wrong length, padding or header is a MessageError', async (t) => {
  const head = (length: number) => {
    const bytes = Buffer.alloc(20)
    bytes.writeUInt32BE(length, 16)
    return bytes
  }
  const padded = (bytes: Buffer, pad = 32 - (bytes.length % 32)) => Buffer.concat([bytes, Buffer.alloc(pad, pad)])
  const cases: [string, [string, PushQuery]][] = [
    ['no whole block', signed(Buffer.alloc(17, 1))],
    ['only padding', seal(Buffer.alloc(32, 32))],
    ['a padding of nothing', seal(Buffer.alloc(32, 0))],
    ['a padding longer than a block', seal(Buffer.alloc(64, 33))],
    ['a padding longer than the message', seal(Buffer.alloc(16, 32))],
    ['a padding of different bytes', seal(Buffer.concat([Buffer.alloc(30, 1), Buffer.from([9, 2])]))],
    ['no room for a length', seal(padded(Buffer.alloc(19)))],
    ['a length beyond the end', seal(padded(Buffer.concat([head(1000), Buffer.from('short')])))],
    ['a length of four billion', seal(padded(Buffer.concat([head(0xffffffff), Buffer.from('short')])))],
  ]
  for (const [name, [body, given]] of cases) t.equal(errorOf(body, given).code, 'WECHAT_PUSH_CIPHER', name)
  const [body, given] = seal(padded(head(0)))
  t.equal(errorOf(body, given).code, 'WECHAT_PUSH_APPID', 'no account at the end')
})

t.test('a body without an encrypted message is a MessageError, whatever it is', async (t) => {
  const cyclic: Record<string, unknown> = {}
  cyclic.Encrypt = cyclic
  const bodies: unknown[] = [
    ...[undefined, null, 7, true, Symbol('x'), '', ' ', [], {}, cyclic, { Encrypt: [encrypted] }, { Encrypt: 7 }],
    ...[
      '<xml/>',
      '<xml><Encrypt>',
      '<xml><Encrypt></Encrypt></xml>',
      '<Encrypt><![CDATA[abc</Encrypt>',
      '<Encrypt>&lol;</Encrypt>',
    ],
    ...['{', '{"Encrypt":', '{"Encrypt":{"a":1}}', 'not base64!', `<Encrypt>${'<'.repeat(500_000)}</Encrypt>`],
    ...['A'.repeat(1 << 21), Buffer.alloc(1 << 21, 'A'), '<Encrypt>'.repeat(100_000)],
    Object.defineProperty({}, 'Encrypt', {
      get() {
        throw new Error('looked at')
      },
    }),
  ]
  for (const body of bodies) t.equal(errorOf(body).code, 'WECHAT_PUSH_BODY')
})

t.test('a query of a wrong type is a MessageError', async (t) => {
  const odd = [
    { ...query, timestamp: 1714112445 },
    { ...query, nonce: [query.nonce] },
    { ...query, msg_signature: undefined },
  ]
  for (const given of [null, 'query', 7, {}, ...odd]) t.equal(errorOf(encrypted, given).code, 'WECHAT_PUSH_SIGNATURE')
})

t.test('maxAge refuses an old message, after its signature was checked', async (t) => {
  const now = Number(query.timestamp) * 1000
  t.type(decryptMessage(encrypted, query, account, { maxAge: 60, now: now + 60_000 }), 'string')
  t.equal(errorOf(encrypted, query, account, { maxAge: 60, now: now + 61_000 }).code, 'WECHAT_PUSH_TOO_OLD')
  t.equal(errorOf(encrypted, { ...query, nonce: '1' }, account, { maxAge: 60 }).code, 'WECHAT_PUSH_SIGNATURE')
})

t.test('the error of a wrong account shows no value', async (t) => {
  for (const [name, value] of [
    ['appId', ''],
    ['appId', undefined],
    ['token', ''],
    ['token', 7],
    ['encodingAESKey', 'too-short-secret'],
    ['encodingAESKey', `${'A'.repeat(42)}=`],
    ['encodingAESKey', undefined],
  ] as const) {
    const wrong = { ...account, [name]: value } as PushAccount
    for (const task of [() => decryptMessage(encrypted, query, wrong), () => encryptMessage('m', wrong)]) {
      t.throws(task, { name: 'TypeError', message: new RegExp(`^${name} must be (?!.*secret)`) })
    }
  }
  t.throws(() => encryptMessage(undefined as never, account), { message: /^message must be a string/ })
  t.throws(() => encryptMessage('m', account, { random: Buffer.alloc(15) }), { message: /^random must be 16 bytes/ })
})

t.test('no error holds the key, the Token or a part of the message', async (t) => {
  for (const error of [errorOf('{}'), errorOf(encrypted, {}), errorOf(encrypted, query, { ...account, appId: 'wxother' })]) {
    const shown = inspect(error, { depth: 9, showHidden: true })
    for (const secret of [account.encodingAESKey, account.token, 'debug_demo', encrypted.slice(0, 20)]) {
      t.notOk(shown.includes(secret))
    }
  }
})
