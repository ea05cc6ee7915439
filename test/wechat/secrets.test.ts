// No secret is in anything that can be printed.
import { inspect } from 'node:util'
import t from 'tap'
import { PAGE_URL, rejectionOf, setUp, wechat } from './setup.js'

const printedForms = (value: unknown): string => `${inspect(value, { depth: 9, showHidden: true })}${String(value)}`

t.test('the object that wechat() returns shows neither the AppSecret nor a value', async (t) => {
  const { fake, wx, dog } = await setUp(t)
  await wx.signUrl(PAGE_URL)
  const secrets = [fake.appSecret, fake.currentToken()!, await wx.jsapiTicket.get()]
  for (const value of [wx, wx.accessToken, wx.jsapiTicket, wx.call, wx.signUrl, dog, await dog.status()]) {
    const shown = printedForms(value) + JSON.stringify(value)
    for (const secret of secrets) t.notOk(shown.includes(secret))
  }
})

t.test('the error of any fault shows no secret, token or query', async (t) => {
  const faults = [40001, 40164, 45009, -1, 'html', 'truncated', 'drop', 'drop-after-rotation', 'empty-412'] as const
  for (const endpoint of ['token', 'ticket', 'call'] as const) {
    for (const fault of faults) {
      const { fake, wx } = await setUp(t)
      fake.fail(endpoint, fault)
      const error = await rejectionOf(
        endpoint === 'ticket' ? wx.signUrl(PAGE_URL) : wx.call('/cgi-bin/user/info', { query: { openid: 'o1' } }),
      )
      const shown = printedForms(error) + JSON.stringify(error)
      const secrets = [fake.appSecret, fake.currentToken() ?? '(none)', 'access_token=', 'secret=', 'openid=', 'grant_type']
      for (const secret of secrets) t.notOk(shown.includes(secret), `${endpoint} ${fault}: ${secret}`)
    }
  }
})

t.test('no event holds a value', async (t) => {
  const { fake, wx, dog } = await setUp(t)
  const seen: unknown[] = []
  for (const event of ['change', 'refresh', 'failure', 'wait', 'takeover', 'warning'] as const)
    dog.on(event, (payload) => seen.push(payload))
  await wx.signUrl(PAGE_URL)
  const first = fake.currentToken()!
  fake.killToken()
  await wx.call('/cgi-bin/getcallbackip')
  t.ok(seen.length > 0)
  const shown = printedForms(seen)
  for (const secret of [fake.appSecret, first, fake.currentToken()!, await wx.jsapiTicket.get()])
    t.notOk(shown.includes(secret))
})

t.test('the objects, status, events and errors of a stable account show no secret', async (t) => {
  const { fake, account, dog } = await setUp(t)
  const wx = wechat({ ...account, stable: true })
  const seen: unknown[] = []
  for (const event of ['change', 'refresh', 'failure', 'wait', 'takeover', 'warning'] as const)
    dog.on(event, (event) => seen.push(event))
  const first = await wx.accessToken.get()
  fake.killToken()
  await wx.call('/cgi-bin/getcallbackip')
  await wx.cardExt({ cardId: 'c' })
  fake.killToken()
  for (const fault of [40125, 40164, 'html', 'truncated', 'drop', 'drop-after-rotation', 'empty-412'] as const) {
    fake.fail('stable', fault, 1)
    seen.push(await rejectionOf(wx.accessToken.refresh({ force: true })))
  }
  const values = [fake.appSecret, first, fake.currentToken(undefined, 'stable')!, await wx.cardTicket.get()]
  const shown = printedForms([wx, wx.accessToken, wx.cardTicket, wx.cardExt, wx.chooseCard, await dog.status(), seen])
  for (const secret of [...values, 'force_refresh', 'client_credential']) t.notOk(shown.includes(secret))
})
