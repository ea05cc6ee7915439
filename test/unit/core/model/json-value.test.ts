import { runInNewContext } from 'node:vm'
import t from 'tap'
import { isSameJson, toStorable } from '../../../../src/core/model/json-value.js'
import { UnusableResult } from '../../../../src/core/model/parse-expiry.js'
import { throwsInstanceOf } from '../../../support/errors.js'

t.test('toStorable returns a copy of the value, as JSON gives it to every other process', async (t) => {
  for (const value of ['', 'x', 0, 1.5, false, true, null]) t.equal(toStorable(value), value)
  const given = { none: undefined, list: [[], {}, null], number: -0, nested: { text: '\ud800', ok: true } }
  const stored = toStorable(given)
  t.strictSame(stored, { list: [[], {}, null], number: 0, nested: { text: '\ud800', ok: true } })
  t.strictSame(stored, JSON.parse(JSON.stringify(given)), 'what JSON gives')
  t.not(stored, given)
  given.nested.ok = false
  t.match(stored, { nested: { ok: true } }, 'a later change of the given value is not seen')
})

t.test('toStorable takes plain objects of any realm, and those without a prototype', async (t) => {
  t.strictSame(toStorable(Object.assign(Object.create(null), { a: [1] })), { a: [1] })
  t.strictSame(toStorable(runInNewContext('({ a: [{ b: 1 }] })')), { a: [{ b: 1 }] }, 'as a test runner has them')
  const proto = JSON.parse('{"__proto__": {"a": 1}}')
  t.equal(JSON.stringify(toStorable(proto)), '{"__proto__":{"a":1}}')
})

t.test('toStorable takes what an object says of itself as JSON', async (t) => {
  const given = { at: new Date(0), url: new URL('https://a.example/'), own: { toJSON: () => ({ is: 1 }) } }
  t.strictSame(toStorable(given), { at: '1970-01-01T00:00:00.000Z', url: 'https://a.example/', own: { is: 1 } })
})

class Session {
  token = 'S3CRET'
}
const loop: Record<string, unknown> = {}
loop.items = [{ loop }]

/** By the path of the member: values that JSON would change silently, or not hold. */
const CHANGED: [value: unknown, message: RegExp][] = [
  [undefined, /^the value is undefined$/],
  [() => 'S3CRET', /^the value is a function$/],
  [Symbol('S3CRET'), /^the value is a symbol$/],
  [1n, /^the value is a bigint$/],
  [Number.NaN, /^the value is NaN$/],
  [Number.POSITIVE_INFINITY, /^the value is Infinity$/],
  [Promise.resolve('S3CRET'), /^the value is a promise: await it$/],
  [{ token: Promise.resolve('S3CRET') }, /^value\.token is a promise: await it$/],
  // biome-ignore lint/suspicious/noThenProperty: a thenable of another library
  [{ token: { then: () => 'S3CRET' } }, /^value\.token is a promise: await it$/],
  [{ items: [1, 2, new Map([['S3CRET', 1]])] }, /^value\.items\[2\] is a Map$/],
  [[new Set(['S3CRET'])], /^value\[0\] is a Set$/],
  [{ headers: new Headers({ authorization: 'S3CRET' }) }, /^value\.headers is a Headers$/],
  [{ error: new TypeError('S3CRET') }, /^value\.error is a TypeError$/],
  [{ error: Object.assign(new Error('S3CRET'), { toJSON: () => 'S3CRET' }) }, /^value\.error is an Error$/],
  [{ expires: { in: Number.NaN } }, /^value\.expires\.in is NaN$/],
  [{ big: [1n] }, /^value\.big\[0\] is a bigint$/],
  [{ list: [1, undefined] }, /^value\.list\[1\] is undefined$/],
  // biome-ignore lint/suspicious/noSparseArray: an array with a hole
  [{ list: [1, , 3] }, /^value\.list\[1\] is undefined$/],
  [new Array(2 ** 32 - 1), /^value\[0\] is undefined$/],
  ['a=S3CRET'.match(/a=(?<secret>.*)/), /^the value is an array with members that have names$/],
  [{ bytes: Buffer.from('S3CRET') }, /^value\.bytes is a Buffer$/],
  [{ bytes: new Uint8Array(3) }, /^value\.bytes is a Uint8Array$/],
  [{ text: new String('S3CRET') }, /^value\.text is a String$/],
  [{ at: new Date(Number.NaN) }, /^value\.at is an invalid Date$/],
  [new Session(), /^the value is a Session$/],
  [Object.create({ token: 'S3CRET' }), /^the value is an object of a class$/],
  [new (class Tokens extends Array {})(), /^the value is a Tokens$/],
  [{ [Symbol('S3CRET')]: 1 }, /^the value is an object with a symbol as a member$/],
  [{ method() {} }, /^value\.method is a function$/],
  [{ nothing: { toJSON: () => undefined } }, /^value\.nothing is undefined$/],
  [loop, /^value\.items\[0\]\.loop is an object that contains itself$/],
  [{ 'S3CRET-12': { S3CRET12: [Number.NaN] } }, /^value\[…\]\[…\]\[0\] is NaN$/],
  [
    {
      get token() {
        throw new Error('S3CRET')
      },
    },
    /^the value is an object that cannot be read$/,
  ],
]
for (const [value, message] of CHANGED) {
  t.test(`toStorable refuses a value that JSON would change: ${message.source}`, async (t) => {
    try {
      toStorable(value)
      t.fail('must throw')
    } catch (error) {
      t.ok(error instanceof UnusableResult)
      t.match((error as Error).message, message)
      t.notMatch((error as Error).message, /S3CRET/)
    }
  })
}

t.test('toStorable refuses values that are too long or nested too deeply, at a bounded cost', async (t) => {
  t.equal(toStorable('x'.repeat(699_998)), 'x'.repeat(699_998))
  throwsInstanceOf(t, () => toStorable('x'.repeat(699_999)), UnusableResult, 'a long one')
  throwsInstanceOf(t, () => toStorable('中'.repeat(300_000)), UnusableResult, 'a long one, in bytes')
  throwsInstanceOf(t, () => toStorable({ a: '中'.repeat(300_000) }), UnusableResult, 'a long member, in bytes')
  let deep: unknown = 1
  for (let levels = 0; levels < 499; levels++) deep = [deep]
  t.strictSame(toStorable(deep), deep)
  throwsInstanceOf(t, () => toStorable([deep]), UnusableResult, 'one level more')
  // 2 ** 100 members, if each were visited.
  let wide: unknown[] = ['x']
  for (let levels = 0; levels < 100; levels++) wide = [wide, wide]
  throwsInstanceOf(t, () => toStorable(wide), UnusableResult, 'a value that JSON would write for ever')
  let made: { toJSON(): unknown } = { toJSON: () => made }
  made = { toJSON: () => ({ ...made }) }
  throwsInstanceOf(t, () => toStorable(made), UnusableResult, 'a toJSON without end')
})

t.test('toStorable reads each member once, so that the copy is what was checked', async (t) => {
  let reads = 0
  const given = {
    get token() {
      return ++reads === 1 ? 'first' : new Map()
    },
  }
  t.strictSame(toStorable(given), { token: 'first' })
})

t.test('isSameJson compares values, whatever the order of their members', async (t) => {
  const same: [unknown, unknown][] = [
    ['a', 'a'],
    [null, null],
    [
      { a: 1, b: { c: [1, { d: 2, e: 3 }] } },
      { b: { c: [1, { e: 3, d: 2 }] }, a: 1 },
    ],
    [[], []],
  ]
  for (const [a, b] of same) t.ok(isSameJson(a, b) && isSameJson(b, a), JSON.stringify([a, b]))
  const different: [unknown, unknown][] = [
    ['1', 1],
    [null, {}],
    [[], {}],
    [
      [1, 2],
      [2, 1],
    ],
    [{ a: 1 }, { a: 1, b: 1 }],
    [{ a: 1 }, { b: 1 }],
    [{}, { toString: 1 }],
    [{ a: { b: 1 } }, { a: { b: 2 } }],
  ]
  for (const [a, b] of different) t.notOk(isSameJson(a, b) || isSameJson(b, a), JSON.stringify([a, b]))
})
