// Keys without code: what a configuration registers, by each kind, against a loopback upstream.
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fakeWeChat } from '../../../src/testing/index.js'
import { printedForms, rejectionOf, serve } from '../../fetchers/setup.js'
import { configure, refusalOf } from './setup.js'

const SECRET = 'S3cret-of-the-configuration'
const env = { APP_SECRET: SECRET }
const secret = { env: 'APP_SECRET' }

/** A registration, its options, and the answer of the upstream with the token `t-1`. */
const kinds: Record<string, { members: object; answer: object; carries?: string }> = {
  oauth2: {
    members: { clientId: 'c', clientSecret: secret, auth: 'post' },
    answer: { access_token: 't-1', token_type: 'bearer', expires_in: 60 },
  },
  feishu: { members: { appId: 'a', appSecret: secret }, answer: { code: 0, tenant_access_token: 't-1', expire: 60 } },
  dingtalk: { members: { appKey: 'a', appSecret: secret }, answer: { accessToken: 't-1', expireIn: 60 } },
  wecom: {
    members: { corpId: 'a', corpSecret: secret, agentId: 7 },
    answer: { errcode: 0, access_token: 't-1', expires_in: 60 },
  },
  qqBot: { members: { appId: 'a', clientSecret: secret }, answer: { access_token: 't-1', expires_in: '60' } },
  douyin: {
    members: { clientKey: 'a', clientSecret: secret },
    answer: { data: { access_token: 't-1', expires_in: 60, error_code: 0 } },
  },
  entra: {
    members: { tenant: 'x.example', clientId: 'c', clientSecret: secret, scope: 'api/.default' },
    answer: { access_token: 't-1', token_type: 'Bearer', expires_in: 60 },
  },
}

for (const [kind, { members, answer }] of Object.entries(kinds)) {
  t.test(`the kind ${kind} fetches with the secret that its reference names`, async (t) => {
    const { url, asked } = await serve(t, () => ({ body: answer }))
    const place = kind === 'oauth2' ? { tokenUrl: url } : { baseUrl: url }
    const { dog, names } = await configure(t, { KEY: { [kind]: { ...members, ...place }, timeout: 10 } }, { env })
    t.same(names, ['KEY'])
    t.equal(asked.length, 0, 'registering asks nothing')
    t.equal(await dog.get('KEY'), 't-1')
    t.ok(`${asked[0]!.text}${JSON.stringify(asked[0]!.query)}`.includes(SECRET))
    const [status] = await dog.status()
    t.type(status!.identity, 'string')
    t.notOk(printedForms(status).includes('S3cret'))
  })
}

t.test('the kinds with a private key read it from a file', async (t) => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const { url } = await serve(t, ({ path }) =>
    path === '/token'
      ? { body: { access_token: 'ya29.1', token_type: 'Bearer', expires_in: 60 } }
      : { status: 201, body: { token: 'ghs_1', expires_at: '2999-01-01T00:00:00Z' } },
  )
  const { dog, folder } = await configure(t, {
    GCP: { google: { credentials: { file: 'account.json' }, scope: 's', baseUrl: url } },
    HUB: { githubApp: { appId: 1, privateKey: { file: './key.pem' }, installationId: 2, baseUrl: url } },
  })
  const account = { client_email: 'a@b.example', private_key: pem, type: 'service_account' }
  writeFileSync(join(folder, 'account.json'), JSON.stringify(account), { mode: 0o600 })
  writeFileSync(join(folder, 'key.pem'), pem, { mode: 0o600 })
  t.equal(await dog.get('GCP'), 'ya29.1')
  t.equal(await dog.get('HUB'), 'ghs_1')
  t.match(
    (await dog.status()).find(({ key }) => key === 'HUB'),
    { identity: 'github:1/2' },
  )
  writeFileSync(join(folder, 'account.json'), `${SECRET} {`)
  const error = await rejectionOf(dog.refresh('GCP'))
  t.match(error.message, /must be the key file of a service account/)
  t.notOk(printedForms(error).includes('S3cret'))
})

t.test('a key of a WeChat account ends in ACCESS_TOKEN, and its tickets come with it', async (t) => {
  const fake = await fakeWeChat({ accounts: [{ appId: 'wx0123456789abcdef', appSecret: SECRET }] })
  t.teardown(() => fake.close())
  const { url } = fake
  const account = { appId: 'wx0123456789abcdef', appSecret: secret, baseUrl: url }
  const { dog, names } = await configure(t, { SHOP_ACCESS_TOKEN: { wechat: account } }, { env })
  t.same(names, ['SHOP_ACCESS_TOKEN', 'SHOP_JSAPI_TICKET', 'SHOP_CARD_TICKET'])
  t.type(await dog.get('SHOP_ACCESS_TOKEN'), 'string')
  t.type(await dog.get('SHOP_JSAPI_TICKET'), 'string')
  t.match(await refusalOf(t, { SHOP: { wechat: account } }), /keys.SHOP: the key .* must end in ACCESS_TOKEN/)
})

t.test('an entry that is wrong is refused by its place and the rule, and no value is shown', async (t) => {
  const oauth2 = { tokenUrl: 'https://a.example', clientId: 'c', clientSecret: secret }
  const wrong: [object, RegExp][] = [
    [{}, /keys.API must have exactly one of wechat, oauth2/],
    [{ oaut2: {} }, /keys.API has an unknown member; did you mean "oauth2"/],
    [{ [SECRET]: 1 }, /keys.API has an unknown member; there are/],
    [{ command: ['a'], oauth2 }, /exactly one of .*; it has oauth2 and command/],
    [{ oauth2: { ...oauth2, clientSecret: SECRET } }, /keys.API.oauth2.clientSecret must be \{"env"/],
    [{ oauth2: { ...oauth2, clientSecret: { env: 'X', file: SECRET } } }, /clientSecret must be exactly one/],
    [{ oauth2: { ...oauth2, clientSecret: { environment: {} } } }, /clientSecret must be exactly one/],
    [{ oauth2: { ...oauth2, scop: 'x' } }, /unknown option "scop" of oauth2; did you mean "scope"/],
    [{ oauth2: SECRET }, /keys.API.oauth2 must be an object/],
    [{ oauth2, timeout: 6000 }, /timeout must be a number of seconds/],
    [{ feishu: { appId: 'a', appSecret: secret }, expiresIn: 3 }, /keys.API.expiresIn is not for feishu/],
    [{ command: SECRET }, /keys.API.command must be a list of strings/],
    [{ command: ['a'], environment: { X: { env: '' } } }, /keys.API.environment.X.env must be a string/],
    [{ http: { url: 'https://a.example', value: SECRET } }, /keys.API.http.value must be a JSON pointer/],
    [{ http: { url: 'https://a.example' } }, /keys.API.http needs expiresIn/],
    [{ http: { url: { kee: SECRET }, expiresIn: 1 } }, /keys.API.http.url must be a string/],
  ]
  for (const [entry, rule] of wrong) {
    const message = await refusalOf(t, { API: entry })
    t.match(message, rule)
    t.notOk(message.includes('S3cret'), message)
  }
})

t.test('with `only`, the entries that a key does not need are not even looked at', async (t) => {
  const http = { url: 'http://localhost/', headers: { x: { key: 'B_JSAPI_TICKET' } }, expiresIn: 5 }
  const keys = {
    WRONG: { nonsense: 1 },
    A: { http },
    B_ACCESS_TOKEN: { wechat: { appId: 'wx0123456789abcdef', appSecret: secret } },
    C: { command: ['c'] },
  }
  t.same((await configure(t, keys, { only: ['A'] })).names, ['A', 'B_ACCESS_TOKEN', 'B_JSAPI_TICKET', 'B_CARD_TICKET'])
  t.same((await configure(t, keys, { only: ['B_CARD_TICKET', 'NONE'] })).names.length, 3)
})
