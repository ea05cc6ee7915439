import t from 'tap'
import { detailsOfError, MAX_DETAILS_BYTES, toDetails } from '../../../../src/core/model/details.js'
import { DogError } from '../../../../src/core/model/errors.js'
import { withFailure } from '../../../../src/core/model/failure-backoff.js'
import { decodeLedger, encodeLedger } from '../../../../src/core/shared/format.js'
import { registerSecret } from '../../../../src/core/shared/redact.js'

const bytesOf = (details: unknown) => Buffer.byteLength(JSON.stringify(details))

t.test('Without details of its own an error has its code and its status', async (t) => {
  t.same(detailsOfError(Object.assign(new Error('x'), { code: 'ECONNREFUSED', status: 503 })), {
    code: 'ECONNREFUSED',
    status: 503,
  })
  t.same(detailsOfError(new TypeError('fetch failed', { cause: { code: 'ENOTFOUND' } })), { code: 'ENOTFOUND' })
  t.equal(detailsOfError(new Error('x', { cause: new DogError('ERR_DOG_STORE', 'x') })), undefined)
  t.equal(detailsOfError(Object.assign(new Error('x'), { code: 20, status: '503' })), undefined)
  t.equal(detailsOfError(new DogError('ERR_DOG_FETCH', 'x')), undefined, 'its code is not the upstream’s')
  for (const nothing of [undefined, null, 'text', 1, {}, [], () => {}]) t.equal(detailsOfError(nothing), undefined)
})

t.test('The details of an error, or of its cause, take the place of its code', async (t) => {
  const details = { errcode: 40164, nested: { list: [1, 'two', null] } }
  t.same(detailsOfError(Object.assign(new Error('x'), { code: 'E', details })), details)
  t.same(detailsOfError(new Error('x', { cause: Object.assign(new Error('y'), { details }) })), details)
  t.same(new DogError('ERR_DOG_FETCH', 'x', { details }).details, details)
  t.not(new DogError('ERR_DOG_FETCH', 'x', { details }).details, details, 'a copy')
})

const circle: Record<string, unknown> = {}
circle.circle = circle
const deep = JSON.parse(`${'['.repeat(400)}${']'.repeat(400)}`)
const throwing = {
  get() {
    throw new Error('trap')
  },
  enumerable: true,
}
const revoked = Proxy.revocable({}, {})
revoked.revoke()

t.test('Members that JSON cannot hold are left out, and break nothing', async (t) => {
  const hostile: Record<string, object> = {
    'a circle': { circle },
    'a BigInt': { big: 1n },
    'a getter that throws': Object.defineProperty({}, 'trap', throwing),
    'a toJSON that throws': { date: { toJSON: throwing.get } },
    'a function, a symbol and undefined': { f: () => {}, s: Symbol('x'), u: undefined },
    'a deep array': { deep },
    'a revoked proxy': { proxy: revoked.proxy },
    'a prototype': JSON.parse('{"__proto__":{"polluted":true}}'),
  }
  for (const [what, members] of Object.entries(hostile)) {
    const given = Object.defineProperties(
      {},
      { ...Object.getOwnPropertyDescriptors(members), ok: { value: 1, enumerable: true } },
    )
    t.strictSame(toDetails(given), { ok: 1 }, what)
  }
  t.equal(toDetails(revoked.proxy), undefined)
  t.equal(toDetails(Object.create({ inherited: 1 })), undefined)
  t.equal(({} as Record<string, unknown>).polluted, undefined)
  t.strictSame(toDetails({ at: new Date(0), map: new Map() }), { at: '1970-01-01T00:00:00.000Z', map: {} })
})

t.test('Details have at most 1024 bytes: a long text is cut, and what else does not fit is left out', async (t) => {
  for (const text of ['word '.repeat(1000), '白名单'.repeat(1000), '"\\\n'.repeat(1000), '😀'.repeat(1000)]) {
    const details = toDetails({ errcode: 40164, text, list: new Array(2000).fill(0), more: new Array(600).fill(1) })!
    t.equal(details.errcode, 40164)
    t.match(details.text, /…$/)
    t.ok((details.text as string).isWellFormed())
    t.strictSame(Object.keys(details), ['errcode', 'text'])
    t.ok(bytesOf(details) <= MAX_DETAILS_BYTES && bytesOf(details) > 600, `${bytesOf(details)}`)
  }
  const many = toDetails(Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`name${n}`, n])))!
  t.ok(bytesOf(many) <= MAX_DETAILS_BYTES && bytesOf(many) > 1000)
})

t.test('Details are redacted as messages are', async (t) => {
  const secret = 'S3cr3t-of-details'
  registerSecret(secret)
  const details = toDetails({
    text: `it was ${secret}`,
    url: `https://h/cgi-bin/token?secret=${secret}`,
    header: 'Authorization: Bearer abcdef0123456789',
    password: 'short',
    access_token: 'unknown-to-us',
    list: [secret, { apiKey: 'x', deep: secret }],
    [secret]: 1,
    status: 401,
  })
  t.notMatch(JSON.stringify(details), /S3cr3t|short|unknown-to-us|abcdef0123|"x"/)
  t.match(details, { text: 'it was ***', url: 'https://h/cgi-bin/token?***', password: '***', status: 401 })
})

t.test('A ledger keeps details, one without them is read, and wrong ones are left out', async (t) => {
  const ledger = { fetches: { since: 1, count: 1, last: 1 } }
  const failure = { code: 'ERR_DOG_FETCH', message: 'no', details: { errcode: 40164 } }
  const failed = withFailure(ledger, 1000, failure, 0.5)
  t.strictSame(decodeLedger(encodeLedger('K', failed)), failed)
  t.match(failed.failure, { details: { errcode: 40164 } })
  const old = withFailure(ledger, 1000, { code: 'ERR_DOG_FETCH', message: 'no' }, 0.5)
  t.notOk('details' in old.failure!)
  t.strictSame(decodeLedger(encodeLedger('K', old)), old)
  for (const details of ['text', 1, [1], null]) {
    const text = JSON.stringify({ dotdog: 1, key: 'K', ...old, failure: { ...old.failure, details } })
    t.strictSame(decodeLedger(text), old)
  }
})
