import { createHash } from 'node:crypto'
import t from 'tap'
import { pushSignature, signaturesMatch, verifySignature } from '../../../../src/wechat/push/signature.js'

/** [source, token, timestamp, nonce, signature] */
const VECTORS = [
  ['official GET', 'AAAAA', '1714036504', '1514711492', 'f464b24fc39322e44b38aa78f5edd27bd1441696'],
  ['official plain POST', 'AAAAA', '1714037059', '486452656', '899cf89e464efb63f54ddac96b0a0a235f53aa78'],
  ['official safe mode', 'AAAAA', '1714112445', '415670741', '6c5c811b55cc85e0e1b54100749188c20beb3f5d'],
  ['wechatpy', 'test', '1410685589', 'test', 'f21891de399b4e33a1a93c9a7b8a8fffb5a443ff'],
] as const

for (const [source, token, timestamp, nonce, signature] of VECTORS) {
  t.test(`a published request is verified: ${source}`, async (t) => {
    t.equal(pushSignature([token, timestamp, nonce]), signature)
    t.equal(verifySignature({ signature, timestamp, nonce }, token), true)
  })
}

const [, token, timestamp, nonce, signature] = VECTORS[0]
const good = { signature, timestamp, nonce }

t.test('a change of the signature, timestamp, nonce or Token makes it false', async (t) => {
  for (let i = 0; i < signature.length; i++) {
    const other = signature[i] === '0' ? '1' : '0'
    t.equal(verifySignature({ ...good, signature: signature.slice(0, i) + other + signature.slice(i + 1) }, token), false)
  }
  t.equal(verifySignature({ ...good, signature: signature.toUpperCase() }, token), false)
  t.equal(verifySignature({ ...good, timestamp: '1714036505' }, token), false)
  t.equal(verifySignature({ ...good, nonce: '1514711493' }, token), false)
  t.equal(verifySignature(good, 'AAAAB'), false)
})

const longText = 'a'.repeat(10_000_000)
const throwing = Object.defineProperty({}, 'signature', {
  get() {
    throw new Error('looked at')
  },
})
const HOSTILE: [name: string, value: unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a list', [signature]],
  ['a list of the right length', [...signature]],
  ['an object', { length: 40 }],
  ['an object that becomes the right text', { length: 40, toString: () => signature }],
  ['a number', 1714036504],
  ['an empty text', ''],
  ['a very long text', longText],
  ['letters beyond ASCII of the right length', 'ſ'.repeat(40)],
  ['half a surrogate pair', '\ud800'.repeat(40)],
  ['zero bytes', '\0'.repeat(40)],
  ['a symbol', Symbol('signature')],
  ['bytes', Buffer.from(signature)],
]
for (const [name, value] of HOSTILE) {
  t.test(`${name} as a query value is false, without an error`, async (t) => {
    for (const member of ['signature', 'timestamp', 'nonce']) {
      t.equal(verifySignature({ ...good, [member]: value }, token), false, member)
    }
  })
  t.test(`${name} as the query or the Token is false, without an error`, async (t) => {
    t.equal(verifySignature(value as never, token), false)
    t.equal(verifySignature(good, value as never), false)
  })
}

t.test('a query that throws when it is read is false', async (t) => {
  t.equal(verifySignature(throwing, token), false)
  t.equal(verifySignature(good, token, null as never), true, 'null counts as no options')
})

t.test('a signature over an empty Token is refused, because anybody can compute it', async (t) => {
  const anybodys = createHash('sha1').update([timestamp, nonce].sort().join('')).digest('hex')
  for (const none of ['', undefined, null]) {
    t.equal(verifySignature({ ...good, signature: anybodys }, none as never), false)
  }
})

t.test('maxAge allows a timestamp before or after now, and nothing that is not a time', async (t) => {
  const at = Number(timestamp) * 1000
  const within = (now: number, maxAge: number) => verifySignature(good, token, { maxAge, now })
  t.equal(verifySignature(good, token), true, 'without maxAge any age is allowed')
  t.equal(within(at + 300_000, 300), true)
  t.equal(within(at + 301_000, 300), false)
  t.equal(within(at - 300_000, 300), true)
  t.equal(within(at - 301_000, 300), false)
  t.equal(verifySignature(good, token, { maxAge: 300 }), false, 'by the clock of the machine')
  for (const odd of ['now', '1e9', '-1', '0x10', '9'.repeat(13)]) {
    const signed = { timestamp: odd, nonce, signature: pushSignature([token, odd, nonce]) }
    t.equal(verifySignature(signed, token), true)
    t.equal(verifySignature(signed, token, { maxAge: 1e12 }), false, odd)
  }
})

t.test('signatures of different length do not match', async (t) => {
  t.equal(signaturesMatch(signature, signature), true)
  t.equal(signaturesMatch(`${signature}0`, signature), false)
  t.equal(signaturesMatch(signature.slice(1), signature), false)
})
