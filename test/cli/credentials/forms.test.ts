// The forms of `--as`, by their documentation.
import t from 'tap'
import { type Credential, formatCredential } from '../../../src/cli/credentials/index.js'

const END_MS = Date.UTC(2030, 0, 2, 3, 4, 5, 678)
const make = (form: string, more: Partial<Credential> = {}) =>
  formatCredential(form, { key: 'API', value: 'the-token', expiresAt: END_MS, env: {}, ...more })

/** The message of a form that refuses. */
function refusalOf(form: string, more: Partial<Credential> = {}): string {
  try {
    make(form, more)
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('was not refused')
}

t.test('header, env and netrc are lines', async (t) => {
  t.equal(make('header'), 'Authorization: Bearer the-token\n')
  t.equal(make('env'), 'API=the-token\n')
  t.equal(make('env', { key: '7-shop.token', value: "it's $HOME" }), "_7_SHOP_TOKEN='it'\\''s $HOME'\n")
  t.equal(make('netrc', { host: 'api.example.com' }), 'machine api.example.com\nlogin x-access-token\npassword the-token\n')
  t.equal(make('netrc', { host: 'h', user: 'me', value: 'a "b' }), 'machine h\nlogin me\npassword "a \\"b"\n')
  t.throws(() => make('netrc'), /needs --host/)
  t.throws(() => make('netrc', { host: 'a\nmachine b' }), /must be the name of a host/)
})

t.test('aws is the JSON of credential_process', async (t) => {
  const parts = { AccessKeyId: 'AKIA', SecretAccessKey: 's', SessionToken: 'st' }
  const expected = { Version: 1, ...parts, Expiration: '2030-01-02T03:04:05Z' }
  t.same(JSON.parse(make('aws', { value: parts })), expected)
  t.same(JSON.parse(make('aws', { value: JSON.stringify(parts) })), expected, 'also from a text')
  const small = { accessKeyId: 'AKIA', secretAccessKey: 's' }
  const forever = { Version: 1, AccessKeyId: 'AKIA', SecretAccessKey: 's' }
  t.same(JSON.parse(make('aws', { value: small, expiresAt: 8.64e15 })), forever)
  t.throws(() => make('aws'), /API is no AWS credential/)
})

t.test('k8s is an ExecCredential in the version that is asked for', async (t) => {
  const v1 = {
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { expirationTimestamp: '2030-01-02T03:04:05Z', token: 'the-token' },
  }
  t.same(JSON.parse(make('k8s')), v1)
  const ask = (apiVersion: string) => ({
    env: { KUBERNETES_EXEC_INFO: JSON.stringify({ apiVersion, kind: 'ExecCredential' }) },
  })
  const beta = 'client.authentication.k8s.io/v1beta1'
  t.same(JSON.parse(make('k8s', ask(beta))), { ...v1, apiVersion: beta })
  t.same(JSON.parse(make('k8s', ask(v1.apiVersion))), v1)
  t.same(JSON.parse(make('k8s', { env: { KUBERNETES_EXEC_INFO: 'no json' } })), v1)
  const certificate = { clientCertificateData: 'PEM', clientKeyData: 'KEY' }
  t.same(JSON.parse(make('k8s', { value: certificate, expiresAt: 8.64e15 })).status, certificate)
})

t.test('git is answered by its protocol', async (t) => {
  const end = Math.floor(END_MS / 1000)
  t.equal(make('git'), `username=x-access-token\npassword=the-token\npassword_expiry_utc=${end}\n`)
  const request = 'protocol=https\nhost=example.com\nusername=me\n\nusername=later\n'
  t.match(make('git', { request }), /^username=me\npassword=the-token\n/)
  t.match(make('git', { request, user: 'other' }), /^username=other\n/)
  t.equal(make('git', { request: 'protocol=http\nhost=example.com\n' }), '', 'no token in the clear')
  t.match(make('git', { request: 'protocol=http\nhost=127.0.0.1:8080\n' }), /password/)
  t.equal(make('git', { request, host: 'other.example' }), '')
  t.match(make('git', { request, host: 'example.com' }), /password/)
})

t.test('a value with a line break or NUL begins no second header or field', async (t) => {
  for (const character of ['\n', '\r', '\r\n', '\0', '\u2028', '\u0085', '\u001b']) {
    const value = `S3cret${character}X-Other: 1`
    for (const form of ['header', 'env', 'netrc', 'git', 'k8s']) {
      for (const more of [{ value }, { value: 'ok', user: value, request: `username=a${character}` }]) {
        if (more.value === 'ok' && (!['netrc', 'git'].includes(form) || more.user === undefined)) continue
        t.throws(() => make(form, { host: 'h', ...more }), /control character/, form)
        t.notMatch(refusalOf(form, { host: 'h', ...more }), 'S3cret')
      }
    }
  }
  t.throws(() => make('header', { value: '' }), /API is empty/)
  t.throws(() => make('header', { value: { access: 'a' } }), /needs --field/)
})

t.test('a form that does not exist is a TypeError with the nearest one', async (t) => {
  t.throws(() => make('heder'), /did you mean "header"/)
  t.throws(() => make('constructor'), /there are header, env, netrc, aws, k8s, git/)
  t.notMatch(refusalOf('S3cret-in-the-wrong-place'), 'S3cret')
})
