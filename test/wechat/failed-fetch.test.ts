import { inspect } from 'node:util'
import t from 'tap'
import type { DogError } from '../../index.js'
import type { WeChat } from '../../src/wechat/index.js'
import { createDog, PAGE_URL, rejectionOf, setUp, WeChatError, wechat } from './setup.js'

// A refused token fetch, as each method of `wx` tells it: in the process that fetched, and in one that did not.

type Fields = Record<string, unknown>

const METHODS: Record<string, (wx: WeChat) => Promise<unknown>> = {
  call: (wx) => wx.call('/cgi-bin/getcallbackip'),
  signUrl: (wx) => wx.signUrl(PAGE_URL),
  cardExt: (wx) => wx.cardExt({ cardId: 'c' }),
  chooseCard: (wx) => wx.chooseCard(),
}

const REFUSALS: [errcode: number, expected: Fields][] = [
  [40164, { kind: 'permanent', ip: '203.0.113.9', hint: /Add 203\.0\.113\.9 to/, hintZh: /203\.0\.113\.9.*白名单/ }],
  [40125, { kind: 'permanent', hint: /AppSecret/, hintZh: /AppSecret/ }],
  [40001, { kind: 'permanent', hint: /AppSecret/ }],
  [45009, { kind: 'quota', hint: /./ }],
  [-1, { kind: 'transient', hint: /busy/, hintZh: /繁忙/ }],
]

for (const stable of [false, true]) {
  const kind = stable ? ' stable' : ''
  for (const [errcode, expected] of REFUSALS) {
    t.test(
      `Each method of wx throws the same WeChatError in every process when the${kind} token is refused with ${errcode}`,
      async (t) => {
        const { fake, dog, account } = await setUp(t, { clientIp: '203.0.113.9' }, t.testdir())
        const other = createDog({ dir: (await dirOf(dog))! })
        t.teardown(() => other.close())
        if (errcode === 40164) fake.setWhitelist(['10.0.0.1'])
        else fake.fail(stable ? 'stable' : 'token', errcode)
        const processes = [wechat({ ...account, stable }), wechat({ ...account, stable, dog: other })]
        let first: Fields | undefined
        for (const wx of processes) {
          for (const [name, method] of Object.entries(METHODS)) {
            const error = await rejectionOf(method(wx))
            t.ok(error instanceof WeChatError, name)
            t.match(error, {
              name: 'WeChatError',
              code: `WECHAT_${errcode}`,
              errcode,
              errmsg: /./,
              appId: account.appId,
              ...expected,
            })
            t.match(error, { path: /^\/cgi-bin\/(stable_)?token$/, key: /TOKEN|TICKET/, cause: { name: 'DogError' } })
            t.notMatch(inspect(error, { depth: 9, showHidden: true }), account.appSecret)
            const { details } = error as unknown as { details: Fields }
            first ??= details
            t.strictSame(details, first, `${name} has all of it`)
          }
        }
        t.ok(fake.count[stable ? 'stable' : 'token'] <= 2, 'the failure is shared')
      },
    )
  }
}

async function dirOf(dog: ReturnType<typeof createDog>): Promise<string | undefined> {
  dog.init('PROBE', () => ({ value: 'v', expiresIn: 1 }))
  return (await dog.status())[0]!.dir
}

t.test('A refused token has the retryAt of all processes, and retryAfter counts down to it', async (t) => {
  const { fake, wx } = await setUp(t)
  fake.fail('token', 40164)
  const { retryAt, retryAfter } = (await rejectionOf(wx.call('/x'))) as unknown as { retryAt: number; retryAfter: number }
  const { retryAt: same } = (await rejectionOf(wx.accessToken.get())) as DogError
  t.equal(retryAt, same)
  t.ok(retryAfter > 50 && retryAfter <= 60)
})

t.test('The keys of an account throw a DogError with the same details', async (t) => {
  const { fake, wx } = await setUp(t, { clientIp: '203.0.113.9' })
  fake.setWhitelist(['10.0.0.1'])
  for (const secret of [wx.accessToken, wx.jsapiTicket, wx.cardTicket]) {
    t.match(await rejectionOf(secret.get()), {
      name: 'DogError',
      code: 'ERR_DOG_FETCH',
      key: secret.key,
      details: { code: 'WECHAT_40164', errcode: 40164, ip: '203.0.113.9', kind: 'permanent', hintZh: /白名单/ },
    })
  }
})

t.test('An error of a call has the key of the token', async (t) => {
  const { fake, wx } = await setUp(t)
  fake.fail('call', 48001)
  t.match(await rejectionOf(wx.call('/cgi-bin/getcallbackip')), {
    code: 'WECHAT_48001',
    key: 'ACCESS_TOKEN',
    retryAt: undefined,
  })
})

t.test('A failure that is not the platform’s stays a DogError', async (t) => {
  const { dog, wx } = await setUp(t)
  await dog.close()
  t.match(await rejectionOf(wx.call('/x')), { name: 'DogError', code: 'ERR_DOG_CLOSED' })
})
