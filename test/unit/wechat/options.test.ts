import t from 'tap'
import { checkCall } from '../../../src/wechat/api/call.js'
import { checkWeChatOptions } from '../../../src/wechat/options.js'

const good = { appId: 'wx0', appSecret: 'very-secret' }

function messageOf(task: () => unknown): string {
  try {
    task()
  } catch (error) {
    if (error instanceof TypeError) return error.message
    throw error
  }
  throw new Error('did not throw')
}

t.test('appId is the only required option', async (t) => {
  const { appId, ...rest } = checkWeChatOptions({ appId: 'wx0' })
  const [dog, quota, appSecret, token] = [undefined, undefined, undefined, undefined]
  t.same(rest, { timeout: 30, prefix: '', dog, quota, appSecret, token, stable: false, baseUrl: 'https://api.weixin.qq.com' })
})

t.test('the error of a wrong option gives its name, the rule, the value and its type', async (t) => {
  const cases: [object | undefined, RegExp][] = [
    [undefined, /^the options of wechat must be an object; got undefined$/],
    [{}, /^appId must be .*; got undefined \(undefined\)$/],
    [{ ...good, appId: 7 }, /^appId must be .*; got 7 \(number\)$/],
    [{ ...good, appId: 'wx 0' }, /^appId must be .*; got "wx 0" \(string\)$/],
    [{ ...good, prefix: 7 }, /^prefix must be a string; got 7 \(number\)$/],
    [{ ...good, timeout: '5' }, /^timeout must be a number of seconds.*; got "5" \(string\)$/],
    [{ ...good, timeout: 0 }, /^timeout must/],
    [{ ...good, timeout: 5000 }, /^timeout must be a number of seconds, at most 600; got 5000 \(number\)$/],
    [{ ...good, timeout: Number.NaN }, /^timeout must/],
    [{ ...good, dog: {} }, /^dog must be what createDog\(\) returns; got an object \(object\)$/],
    [{ ...good, baseUrl: 'api.weixin.qq.com' }, /^baseUrl must be .*; got "api\.weixin\.qq\.com" \(string\)$/],
    [{ ...good, baseUrl: 'file:///etc' }, /^baseUrl must/],
    [{ ...good, baseUrl: 7 }, /^baseUrl must/],
    [{ ...good, token: () => {} }, /^appSecret must not be given together with token$/],
    [{ appId: 'wx0', token: () => {}, stable: true }, /^stable must not be given together with token$/],
    [{ appId: 'wx0', token: 'secret' }, /^token must be a function; got string$/],
    [{ ...good, stable: 'yes' }, /^stable must be true or false; got "yes" \(string\)$/],
  ]
  for (const [options, message] of cases)
    t.match(
      messageOf(() => checkWeChatOptions(options as never)),
      message,
    )
})

t.test('the error of a wrong appSecret shows its type only', async (t) => {
  for (const appSecret of [null, '', ' very secret ', ['very-secret'], { v: 'very-secret' }, 424_242]) {
    const message = messageOf(() => checkWeChatOptions({ ...good, appSecret: appSecret as string }))
    t.match(message, /^appSecret must be /)
    t.notMatch(message, /very|424242/)
  }
})

t.test('the error of a wrong baseUrl shows no user, password or query', async (t) => {
  for (const baseUrl of [
    'https://user:hidden@example.com/',
    'https://example.com/?key=hidden',
    'https://example.com/#hidden',
  ]) {
    t.notMatch(
      messageOf(() => checkWeChatOptions({ ...good, baseUrl })),
      /hidden|user:/,
    )
  }
})

t.test('the path of a proxy is kept without its last slash', async (t) => {
  t.equal(checkWeChatOptions({ ...good, baseUrl: 'http://127.0.0.1:8080/wx/' }).baseUrl, 'http://127.0.0.1:8080/wx')
})

t.test('a call is a GET without a body, and a POST with one', async (t) => {
  t.same(checkCall('/a', { query: { x: 1, y: undefined } }), {
    ...{ method: 'GET', path: '/a', query: { x: 1, y: undefined }, body: undefined },
    ...{ as: 'json', token: true },
  })
  t.match(checkCall('/a', { body: { 名: '值' } }), { method: 'POST', body: '{"名":"值"}' })
  t.match(checkCall('/a', { body: '{"a":1}' }), { method: 'POST', body: '{"a":1}' })
  t.match(checkCall('/a', { method: 'POST' }), { method: 'POST', body: undefined })
})

t.test('a path with a host, query or space is refused', async (t) => {
  for (const path of [
    '',
    'cgi-bin/x',
    'https://evil.example/',
    '//evil.example/x',
    '/x y',
    '/x\r\ny',
    '/a#b',
    '/a\\b',
    7,
    undefined,
  ]) {
    t.match(
      messageOf(() => checkCall(path)),
      /^path must start with '\/'/,
      String(path),
    )
  }
  t.notMatch(
    messageOf(() => checkCall('/cgi-bin/x?access_token=hidden')),
    /hidden/,
  )
})

t.test('an access_token in the query is refused, and not shown', async (t) => {
  const message = messageOf(() => checkCall('/x', { query: { access_token: 'hidden' } }))
  t.match(message, /^query must not hold access_token/)
  t.notMatch(message, /hidden/)
})

t.test('a wrong query, body or method is refused', async (t) => {
  t.match(
    messageOf(() => checkCall('/x', { query: { a: {} } as never })),
    /^query\.a must be .*; got an object \(object\)$/,
  )
  t.match(
    messageOf(() => checkCall('/x', { query: 'a=1' as never })),
    /^query must be an object/,
  )
  t.match(
    messageOf(() => checkCall('/x', { body: () => {} })),
    /^body must be something JSON can hold/,
  )
  for (const body of [Promise.resolve({}), new Map([['a', 1]]), new Set([1])]) {
    t.match(
      messageOf(() => checkCall('/x', { body })),
      /^body must be something JSON can hold; got an object$/,
    )
  }
  t.match(
    messageOf(() => checkCall('/x', { as: 'text' as never })),
    /^as must be 'json' or 'buffer' or 'stream'; got "text"/,
  )
  t.match(
    messageOf(() => checkCall('/x', { token: 'mine' as never })),
    /^token must be true or false/,
  )
  t.match(
    messageOf(() => checkCall('/x', { method: 'PUT' as never })),
    /^method must be 'GET' or 'POST'; got "PUT"/,
  )
  t.match(
    messageOf(() => checkCall('/x', { method: 'GET', body: {} })),
    /^body must not/,
  )
  t.match(
    messageOf(() => checkCall('/x', null as never)),
    /^the options of call must be an object/,
  )
})

t.test('an unknown option is refused, with the nearest name that exists', async (t) => {
  const unknown = (options: object) => messageOf(() => checkWeChatOptions({ ...good, ...options }))
  t.equal(unknown({ stabel: true }), 'unknown option "stabel" of wechat; did you mean "stable"?')
  t.equal(unknown({ appid: 'wx0' }), 'unknown option "appid" of wechat; did you mean "appId"?')
  t.notMatch(unknown({ secret: 'hidden' }), /hidden/)
  t.equal(
    messageOf(() => checkCall('/x', { params: {} } as never)),
    'unknown option "params" of call; there are query, body, method, as, token',
  )
})
