import t from 'tap'
import { cardChoiceOf, cardExtOf, checkCard, signCard } from '../../../../src/wechat/signing/card.js'

const official = {
  ticket: 'ojZ8YtyVyr30HheH3CM73y7h4jJE',
  timestamp: '1404896688',
  cardId: 'pjZ8Yt1XGILfi-FUsewpnnolGgZk',
  code: '1434008071',
  nonceStr: '123',
}
const wechatpy = {
  ticket: 'sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg',
  timestamp: 1414587457,
  nonceStr: 'Wm3WZYTPz0wzccnW',
  cardId: 'random_card_id',
}

const VECTORS: [name: string, input: Parameters<typeof signCard>[0], signature: string][] = [
  ["the platform's own", official, 'f137ab68b7f8112d20ee528ab6074564e2796250'],
  ["wechatpy's, a card", wechatpy, '22dce6bad4db532d4a2ef82ca2ca7bbe1e10ef28'],
  ["wechatpy's, with a code", { ...wechatpy, code: 'random_code' }, '2e9c6d12952246e071717d7baeab20c30420b5cd'],
  ["wechatpy's, with an openid", { ...wechatpy, openid: 'random_openid' }, 'ded860a5dd4467312764bd86e544ad0579cbfad0'],
  [
    "wechatpy's, with both",
    { ...wechatpy, code: 'random_code', openid: 'random_openid' },
    '950dc1842852457ea573d4d6af34879c1ec093c8',
  ],
]
for (const [name, input, signature] of VECTORS) {
  t.test(`a published card has the published signature: ${name}`, async (t) => {
    t.equal(signCard(input).signature, signature)
    t.match(signCard(input), { nonceStr: input.nonceStr, timestamp: input.timestamp })
  })
}

t.test("the signature of the platform's older example differs, because it has a space after the ticket", async (t) => {
  const older = { ...official, code: 'jonyqin_1434008071', nonceStr: 'jonyqin' }
  t.equal(signCard(older).signature, '2b4d29b5f60fa4be37522ddfd9583c329446d3e3')
  t.equal(
    signCard({ ...older, ticket: `${official.ticket} ` }).signature,
    '6b81fbf6af16e856334153b39737556063c82689',
    'the space is the reason',
  )
})

t.test('absent and empty members are not signed', async (t) => {
  const bare = signCard(wechatpy).signature
  t.equal(signCard({ ...wechatpy, code: '', openid: undefined, shopId: '' }).signature, bare)
})

t.test("the values are sorted by bytes, not in JavaScript's order", async (t) => {
  // U+1F600 is D83D DE00 in UTF-16, which sorts before U+FF5E; in UTF-8 it is the other way round.
  const given = { ticket: 'T', timestamp: 1, nonceStr: 'n' }
  const { signature } = signCard({ ...given, code: '\u{1f600}', openid: '\uff5e' })
  t.equal(signature, signCard({ ...given, code: '\uff5e', openid: '\u{1f600}' }).signature)
  t.equal(signature, signCard({ ...given, code: '\uff5e\u{1f600}' }).signature, 'the values are joined without a separator')
})

t.test('cardExt is the JSON text that wx.addCard expects', async (t) => {
  const { ticket, ...card } = official
  const text = cardExtOf(ticket, { ...card, timestamp: 1404896688, outerStr: 'o', fixedBeginTimestamp: 1404896689 })
  t.same(JSON.parse(text), {
    code: '1434008071',
    timestamp: '1404896688',
    nonce_str: '123',
    fixed_begintimestamp: 1404896689,
    outer_str: 'o',
    signature: VECTORS[0]![2],
  })
  t.notOk(text.includes(ticket))
})

t.test('the argument of wx.chooseCard is signed with the appId, and names SHA1', async (t) => {
  const { ticket, nonceStr, timestamp } = wechatpy
  const choice = cardChoiceOf(ticket, 'wxd', { nonceStr, timestamp, cardType: 'GROUPON' })
  const { signature } = signCard({ ticket, nonceStr, timestamp, appId: 'wxd', cardType: 'GROUPON' })
  t.same(choice, { shopId: '', cardType: 'GROUPON', cardId: '', timestamp, nonceStr, signType: 'SHA1', cardSign: signature })
})

t.test('members of wx.chooseCard are not signed for wx.addCard, and the reverse', async (t) => {
  const { ticket, ...card } = official
  const stray = { shopId: 's', appId: 'a', cardType: 'c' }
  t.equal(JSON.parse(cardExtOf(ticket, { ...card, ...stray })).signature, VECTORS[0]![2])
  t.equal(
    cardChoiceOf(ticket, 'wxd', { ...wechatpy, ...{ code: 'x', openid: 'y' } }).cardSign,
    cardChoiceOf(ticket, 'wxd', wechatpy).cardSign,
  )
})

t.test('nonceStr and timestamp have random and current defaults', async (t) => {
  const one = signCard({ ticket: 'T', cardId: 'c' })
  t.match(one.nonceStr, /^[0-9a-z]{16}$/)
  t.not(one.nonceStr, signCard({ ticket: 'T', cardId: 'c' }).nonceStr)
  t.ok(Math.abs(Number(one.timestamp) - Date.now() / 1000) < 5)
})

t.test('a missing ticket is a TypeError that shows no value, not a signature over "undefined"', async (t) => {
  for (const ticket of [undefined, null, '', ' ', 7, {}, ['secret-ticket']]) {
    t.throws(() => signCard({ ...official, ticket: ticket as string }), {
      name: 'TypeError',
      message: /^ticket must (?!.*secret)/,
    })
  }
})

t.test('the error of a wrong member names the member', async (t) => {
  for (const name of ['nonceStr', 'cardId', 'code', 'openid', 'appId', 'shopId', 'cardType']) {
    t.throws(() => signCard({ ...official, [name]: 7 }), {
      name: 'TypeError',
      message: new RegExp(`^${name} must be a string`),
    })
  }
  t.throws(() => signCard({ ...official, timestamp: Date.now() }), { message: /milliseconds/ })
  t.throws(() => checkCard({}, ['cardId']), { message: /^cardId must be a non-empty string/ })
  for (const input of [undefined, null, 'card']) t.throws(() => checkCard(input), TypeError)
})
