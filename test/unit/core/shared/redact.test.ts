import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { DogError } from '../../../../src/core/model/errors.js'
import { messageOf, redact, registerSecret, sanitize } from '../../../../src/core/shared/redact.js'

const S = 'S3cr3tV4lue'
const everything = (thing: unknown) => inspect(thing, { depth: 9, showHidden: true, getters: true })

t.test('URLs lose their user and their query', async (t) => {
  const table: [string, string][] = [
    [`https://api.example.com/token?secret=${S}`, 'https://api.example.com/token?***'],
    [`GET https://h/cgi-bin/token?grant_type=x&appid=wx1&secret=${S} failed`, 'GET https://h/cgi-bin/token?*** failed'],
    [`http://user:${S}@h:8080/p`, 'http://***@h:8080/p'],
    [`https://user:${S}@h/p?a=${S}`, 'https://***@h/p?***'],
    [`https://h/p#access_token=${S}`, 'https://h/p?***'],
    [`redis://:${S}@h:6379/0`, 'redis://***@h:6379/0'],
    [`"https://h/p?q=${S}"`, '"https://h/p?***"'],
    [`see <https://h/p?q=${S}>, or https://h/q`, 'see <https://h/p?***>, or https://h/q'],
    [`(https://h/p?q=${S})`, '(https://h/p?***)'],
    [`path: '/cgi-bin/token?secret=${S}'`, "path: '/cgi-bin/token?***'"],
  ]
  for (const [text, clean] of table) t.equal(redact(text), clean)
})

t.test('Secrets in forms, headers and JSON bodies are masked', async (t) => {
  const leaks = [
    `grant_type=x&secret=${S}`,
    `client_secret=${S}`,
    `access_token=${S}&x=1`,
    `jsapi_ticket=${S}&noncestr=1`,
    `password=${S}`,
    `api_key=${S}`,
    `apikey=${S}`,
    `AppSecret=${S}`,
    `{"access_token":"${S}","expires_in":7200}`,
    `{"errcode":0,"ticket":"${S}"}`,
    `{ 'appSecret': '${S}' }`,
    `{"client_secret" : "${S}"}`,
    `Authorization: Bearer ${S}`,
    `authorization: Basic ${S}==`,
    `/token?x=${S}`,
    `connect ECONNREFUSED wss://a:${S}@h/`,
  ]
  for (const text of leaks) t.notMatch(redact(text), new RegExp(S), text)
})

t.test('Secrets in a printed object and in JSON inside JSON are masked', async (t) => {
  const leaks = [
    inspect({ access_token: S }),
    inspect({ appSecret: S, url: `/x?secret=${S}` }),
    JSON.stringify(JSON.stringify({ access_token: S })),
  ]
  for (const text of leaks) t.notMatch(redact(text), new RegExp(S), text)
})

t.test('Text without secrets stays readable', async (t) => {
  const plain = [
    '',
    'getaddrinfo ENOTFOUND api.weixin.qq.com',
    'connect ECONNREFUSED 127.0.0.1:8080',
    'errcode 40164: invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist rid: 1-2-3',
    'Unexpected token < in JSON at position 0',
    'is the secret right? see https://developers.weixin.qq.com/doc/page.html',
    'token expired; ticket too',
    "ENOENT: no such file or directory, open '/srv/app/.dog/ACCESS_TOKEN.dog'",
  ]
  for (const text of plain) t.equal(redact(text), text)
})

t.test('A known value is masked anywhere in a text, in every usual encoding', async (t) => {
  const value = 'kn0wn/v+lue "x"'
  t.match(redact(value), value)
  registerSecret(value)
  for (const text of [value, `a${value}b`, encodeURIComponent(value), JSON.stringify({ a: value })]) {
    const clean = redact(text)
    t.notMatch(clean, /kn0wn/, text)
    t.match(clean, /\*\*\*/)
  }
})

t.test('All strings in an object value are known', async (t) => {
  registerSecret({ token: 'deep-token-1', list: ['deep-token-2', { x: 'deep-token-3' }], n: 1, no: null })
  t.equal(redact('deep-token-1 deep-token-2 deep-token-3'), '*** *** ***')
})

t.test('A short value masks no ordinary word', async (t) => {
  registerSecret('fetch')
  registerSecret('')
  t.equal(redact('the fetch failed'), 'the fetch failed')
})

t.test('When there are too many known values, the oldest are forgotten', async (t) => {
  for (let i = 0; i < 31_000; i++) registerSecret(`value-number-${i}-`)
  t.equal(redact('value-number-30999-'), '***')
  t.equal(redact('value-number-0-'), 'value-number-0-')
})

t.test('A message is text of at most 1024 characters, whatever was thrown', async (t) => {
  const trap = new Proxy(new Error('x'), {
    get: () => {
      throw new Error('trap')
    },
  })
  for (const thrown of [
    new Error('plain'),
    'plain',
    'plain'.repeat(100),
    1,
    null,
    undefined,
    {},
    Symbol('x'),
    () => {},
    trap,
  ]) {
    const message = messageOf(thrown)
    t.type(message, 'string')
    t.ok(message.length > 0 && message.length <= 1024)
  }
  t.equal(messageOf(new Error('plain')), 'plain')
  t.equal(messageOf('plain'), 'plain')
  t.notMatch(messageOf({ message: S }), new RegExp(S), 'a thrown object may be the response')
  t.equal(messageOf(new Error('x'.repeat(3000))).length, 1024)
})

t.test('A message is cut at the end of a word', async (t) => {
  const advice = 'Add this address to the whitelist. '.repeat(9)
  t.equal(messageOf(new Error(advice)), advice, 'advice of 300 characters is whole')
  const cut = messageOf(new Error(advice.repeat(9)))
  t.match(cut, /(Add|this|address|to|the|whitelist\.)…$/)
  t.ok(cut.length <= 1024 && cut.length > 1000)
  t.ok(messageOf(new Error('😀'.repeat(600))).isWellFormed(), 'no half of a character is left')
})

t.test('Name, message and code are those of an error of another realm', async (t) => {
  const foreign = runInNewContext("Object.assign(new RangeError('the socket broke'), { code: 'E_SOCKET' })")
  t.notOk(foreign instanceof Error)
  t.equal(messageOf(foreign), 'the socket broke')
  t.match(sanitize(foreign), {
    name: 'RangeError',
    message: 'the socket broke',
    code: 'E_SOCKET',
    stack: /^RangeError: the socket/,
  })
  t.equal(messageOf(new DOMException('was aborted', 'AbortError')), 'was aborted')
})

t.test('A long message is masked before it is cut, so that no half of a secret remains', async (t) => {
  const secret = 'long-secret-value'.repeat(3)
  registerSecret(secret)
  t.notMatch(messageOf(new Error(`${'x'.repeat(1014)}${secret}`)), /long/)
})

/** An error as HTTP clients throw it. */
function clientError(): Error {
  const url = `https://user:${S}@h/cgi-bin/token?secret=${S}`
  const error = new Error(`Request failed: ${url}`, { cause: new Error(`inner ${S}`) })
  return Object.assign(error, {
    name: 'AxiosError',
    code: 'ECONNRESET',
    config: { url, params: { secret: S }, headers: { Authorization: `Bearer ${S}` } },
    request: { path: `/cgi-bin/token?secret=${S}` },
    response: { data: { access_token: S } },
    [Symbol('hidden')]: S,
  })
}

t.test('A sanitised copy of an error keeps its name, code and frames, and no secret', async (t) => {
  const copy = sanitize(clientError())
  t.notMatch(everything(copy), new RegExp(S))
  t.match(copy, { name: 'AxiosError', code: 'ECONNRESET', message: /^Request failed: https:/ })
  t.match(copy.stack!, /^AxiosError: Request failed.*\n\s+at .*redact\.test/)
})

t.test('Inspecting a DogError does not show the secrets of its cause', async (t) => {
  const errors: unknown[] = [
    clientError(),
    new AggregateError([clientError()], `all failed: /token?secret=${S}`),
    Object.assign(new Error(`a\nb https://h/?secret=${S}\n    at secret=${S}`), { code: `secret=${S}` }),
    { message: S, response: { data: S } },
  ]
  for (const cause of errors) {
    const error = new DogError('ERR_DOG_FETCH', 'failed', { key: 'K', cause })
    t.notMatch(everything(error), new RegExp(S))
    t.notMatch(everything(JSON.stringify(error)), new RegExp(S))
    t.ok(error.cause instanceof Error)
  }
})

t.test('A stack whose message was changed later shows no secret', async (t) => {
  const error = new Error(`GET https://h/x?secret=${S}`)
  void error.stack
  error.message = 'short'
  t.notMatch(everything(sanitize(error)), new RegExp(S))
  const changedStack = Object.assign(new Error('x'), { stack: `Error: x ${S}\n and ${S}` })
  t.notMatch(everything(sanitize(changedStack)), new RegExp(S))
})

t.test('A known value in the name or the code of an error is masked', async (t) => {
  registerSecret(`${S}-known`)
  const error = Object.assign(new Error('x'), { name: `${S}-known`, code: `${S}-known` })
  t.notMatch(everything(sanitize(error)), new RegExp(S))
})
