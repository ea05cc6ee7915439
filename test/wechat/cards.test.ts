// Cards and mini programs: the built package against the fake platform.
import { join } from 'node:path'
import t from 'tap'
import { PAGE_URL, rejectionOf, setUp, wechat, wechatModule } from './setup.js'

const { signCard } = wechatModule

t.test('cards need one token and one ticket of their own type, and are signed with that ticket', async (t) => {
  const { fake, wx } = await setUp(t)
  const [text] = await Promise.all([wx.cardExt({ cardId: 'c1', code: '7', openid: 'o1' }), wx.cardExt({ cardId: 'c2' })])
  const ticket = await wx.cardTicket.get()
  t.equal(wx.cardTicket.key, 'CARD_TICKET')
  t.ok(fake.acceptsTicket(ticket, fake.appId, 'wx_card'))
  t.notOk(fake.acceptsTicket(ticket, fake.appId, 'jsapi'))
  const { timestamp, nonce_str: nonceStr, signature } = JSON.parse(text)
  t.type(timestamp, 'string')
  t.equal(signature, signCard({ ticket, cardId: 'c1', code: '7', openid: 'o1', timestamp, nonceStr }).signature)
  t.match(fake.count, { token: 1, ticket: 1 })

  const choice = await wx.chooseCard({ cardType: 'GROUPON' })
  const { appId } = fake
  t.equal(choice.cardSign, signCard({ ...choice, ticket, appId }).signature)
  t.match(await wx.chooseCard(), { shopId: '', cardType: '', cardId: '', signType: 'SHA1' })
  await wx.signUrl(PAGE_URL)
  t.not(await wx.jsapiTicket.get(), ticket)
  t.match(fake.count, { token: 1, ticket: 2, rejected: 0 })
})

t.test('a card ticket is kept for an hour at most, because the platform always says two', async (t) => {
  const { wx } = await setUp(t)
  await wx.cardExt({ cardId: 'c1' })
  const left = (wx.cardTicket.peek()!.expiresAt - Date.now()) / 1000
  t.ok(left > 3500 && left <= 3600, `${left}`)
})

t.test('a wrong card is refused before anything is fetched', async (t) => {
  const { fake, wx } = await setUp(t)
  for (const card of [undefined, {}, { cardId: '' }, { cardId: 7 }, { cardId: 'c', code: 7 }]) {
    await t.rejects(wx.cardExt(card as never), TypeError)
  }
  await t.rejects(wx.chooseCard({ shopId: 7 } as never), TypeError)
  await t.rejects(wx.cardExt({ cardId: 'c', timestamp: Date.now() }), /milliseconds/)
  t.match(fake.count, { token: 0, ticket: 0 })
})

t.test('a card without a ticket is an error, never a signature over "undefined"', async (t) => {
  const { fake, wx } = await setUp(t)
  fake.fail('ticket', 45009)
  t.match(await rejectionOf(wx.cardExt({ cardId: 'c' })), { code: 'WECHAT_45009', key: 'CARD_TICKET' })
  t.match(await rejectionOf(wx.chooseCard()), { code: 'WECHAT_45009', key: 'CARD_TICKET' })
})

t.test('a mini program gets tokens and makes calls, and its whitelist guards the token only', async (t) => {
  const mini = { appId: 'wxmini', appSecret: 's', kind: 'mini', whitelist: ['203.0.113.*'] } as const
  for (const stable of [false, true]) {
    const { fake, account } = await setUp(t, { accounts: [mini], clientIp: '203.0.113.5' }, join(t.testdir(), '.dog'))
    const wx = wechat({ ...account, stable })
    t.match(await wx.call('/cgi-bin/message/custom/send', { body: { touser: 'o1' } }), { errcode: 0 })
    fake.clientIp = '198.51.100.1'
    t.match(await wx.call('/cgi-bin/getcallbackip'), { ip_list: [/./, /./] })
    fake.killToken()
    t.match(await rejectionOf(wx.call('/cgi-bin/getcallbackip')), {
      code: 'WECHAT_40164',
      message: /Add 198\.51\.100\.1 to the IP whitelist/,
    })
    await account.dog.close()
  }
})

t.test('a token is fetched after the administrator confirmed the address', async (t) => {
  const { fake, wx } = await setUp(t)
  fake.setRisk(true)
  t.match((await rejectionOf(wx.accessToken.get())).message, /An administrator must confirm/)
  fake.confirm()
  t.equal(await wx.accessToken.refresh({ force: true }), fake.currentToken())
})

t.test('after an administrator refused, the next try is an hour later, and after a second refusal a day later', async (t) => {
  const { fake, wx } = await setUp(t)
  fake.setRisk(true)
  await rejectionOf(wx.accessToken.get())
  const seconds = async () => ((await rejectionOf(wx.accessToken.refresh({ force: true }))).retryAt! - Date.now()) / 1000
  fake.reject()
  t.ok(Math.abs((await seconds()) - 3600) < 30)
  fake.advance(3_601_000)
  await seconds()
  fake.reject()
  t.ok(Math.abs((await seconds()) - 86_400) < 30)
})
