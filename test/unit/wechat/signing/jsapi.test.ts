import t from 'tap'
import { pageUrl, signJsapi } from '../../../../src/wechat/signing/jsapi.js'

const vector = {
  ticket: 'sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg',
  nonceStr: 'Wm3WZYTPz0wzccnW',
  timestamp: 1414587457,
  url: 'http://mp.weixin.qq.com?params=value',
}
const signature = '0f9de62fce790f9a083d5c99e95740ceb90c27ed'

t.test("the platform's example has the published signature", async (t) => {
  const { nonceStr, timestamp, url } = vector
  t.same(signJsapi(vector), { nonceStr, timestamp, url, signature })
})

t.test('the fragment of a URL is not signed', async (t) => {
  const signed = signJsapi({ ...vector, url: `${vector.url}#/a?b=c` })
  t.equal(signed.signature, signature)
  t.equal(signed.url, vector.url)
})

t.test('a URL is signed as it was given: serializing it would add a slash', async (t) => {
  const wrong = 'f50191877b62b116ef830363a3a613ed652a2d5d'
  t.equal(signJsapi({ ...vector, url: new URL(vector.url).href }).signature, wrong, 'serializing does change the signature')
  t.not(signJsapi(vector).signature, wrong)
})

t.test('a timestamp as a string has the same signature as the number, and is returned as it was given', async (t) => {
  const signed = signJsapi({ ...vector, timestamp: '1414587457' })
  t.equal(signed.signature, signature)
  t.equal(signed.timestamp, '1414587457')
})

t.test('nonceStr and timestamp have random and current defaults', async (t) => {
  const before = Math.floor(Date.now() / 1000)
  const one = signJsapi({ ticket: 'T', url: 'https://example.com/' })
  const two = signJsapi({ ticket: 'T', url: 'https://example.com/' })
  t.match(one.nonceStr, /^[0-9a-z]{16}$/)
  t.not(one.nonceStr, two.nonceStr)
  t.type(one.timestamp, 'number')
  t.ok(Number(one.timestamp) >= before && Number(one.timestamp) <= before + 5)
})

t.test('a missing ticket is a TypeError, not a signature over "undefined"', async (t) => {
  for (const ticket of [undefined, null, '', ' ', 7, {}, ['x']]) {
    t.throws(() => signJsapi({ ...vector, ticket: ticket as string }), { name: 'TypeError', message: /^ticket must/ })
  }
  t.throws(() => signJsapi(undefined as never), TypeError)
})

t.test('a URL must be absolute and decoded once', async (t) => {
  for (const url of [
    undefined,
    null,
    '',
    1,
    '/page',
    'example.com',
    '//example.com/',
    'ftp://example.com/',
    'https://',
    'https:///x',
  ]) {
    t.throws(() => signJsapi({ ...vector, url: url as string }), { name: 'TypeError', message: /^url must/ })
  }
  t.throws(() => pageUrl(encodeURIComponent('https://example.com/')), { message: /decode it once/ })
  t.equal(pageUrl('HTTPS://example.com:8443/ü?x=1&y=%20#z#z'), 'HTTPS://example.com:8443/ü?x=1&y=%20')
})

t.test('an error shows neither the ticket nor the query of the URL', async (t) => {
  for (const input of [
    { ticket: ['secret-ticket'], url: vector.url },
    { ticket: 'secret-ticket', url: 'example.com/?code=secret-code' },
  ]) {
    try {
      signJsapi(input as never)
      t.fail('must throw')
    } catch (error) {
      t.notMatch(String(error), /secret/)
    }
  }
})

t.test('a timestamp in milliseconds or of another form is refused', async (t) => {
  t.throws(() => signJsapi({ ...vector, timestamp: Date.now() }), { message: /milliseconds.*\(number\)/ })
  for (const timestamp of [1.5, -1, Number.NaN, '', 'now', '1e9', null, new Date()]) {
    t.throws(() => signJsapi({ ...vector, timestamp: timestamp as number }), { name: 'TypeError', message: /^timestamp must/ })
  }
})

t.test('an empty nonceStr is refused', async (t) => {
  t.throws(() => signJsapi({ ...vector, nonceStr: '' }), { name: 'TypeError', message: /^nonceStr must/ })
})

t.test('an unknown member is refused, with the nearest name that exists', async (t) => {
  t.throws(() => signJsapi({ ...vector, noncestr: 'x' } as never), {
    name: 'TypeError',
    message: 'unknown option "noncestr" of signJsapi; did you mean "nonceStr"?',
  })
})
