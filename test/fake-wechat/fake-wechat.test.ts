import { execFile } from 'node:child_process'
import { request as httpRequest } from 'node:http'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { type FakeWeChatOptions, fakeWeChat } from '../../src/testing/index.js'
import '../support/built.js'

async function start(t: Test, options?: FakeWeChatOptions) {
  const fake = await fakeWeChat(options)
  t.teardown(() => fake.close())
  const query = new URLSearchParams({ grant_type: 'client_credential', appid: fake.appId, secret: fake.appSecret })
  const ask = () => fetch(`${fake.url}/cgi-bin/token?${query}`)
  return { fake, ask }
}

t.test('The fake listens on the loopback interface and answers with status 200 and the malformed content type', async (t) => {
  const { fake, ask } = await start(t)
  t.match(fake.url, /^http:\/\/127\.0\.0\.1:\d+$/)
  const answer = await ask()
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('content-type'), 'application/json; encoding=utf-8')
  const { access_token } = (await answer.json()) as { access_token: string }
  t.equal(access_token, fake.currentToken())
  const refused = await fetch(`${fake.url}/cgi-bin/nothing`)
  t.equal(refused.status, 200)
  t.match(await refused.json(), { errcode: 40066 })
})

t.test('Ordered faults apply one after the other, each as often as ordered, until `heal` removes them', async (t) => {
  const { fake, ask } = await start(t)
  fake.fail('token', 40164, 2)
  fake.fail('token', -1)
  const codes = []
  for (let i = 0; i < 4; i += 1) codes.push(((await (await ask()).json()) as { errcode: number }).errcode)
  t.same(codes, [40164, 40164, -1, -1])
  fake.heal('token')
  t.match(await (await ask()).json(), { expires_in: 7200 })
  t.match(fake.count, { token: 5, rotated: 1 })
})

t.test('The faults of a gateway answer with HTML, an empty 412, half of the JSON, or the type text/plain', async (t) => {
  const { fake, ask } = await start(t)
  fake.fail('token', 'html', 1)
  const html = await ask()
  t.match({ status: html.status, text: await html.text() }, { status: 502, text: /^<html>/ })
  fake.fail('token', 'empty-412', 1)
  const empty = await ask()
  t.match({ status: empty.status, text: await empty.text() }, { status: 412, text: '' })
  fake.fail('token', 'truncated', 1)
  await t.rejects((await ask()).json(), SyntaxError)
  fake.fail('token', 'text/plain', 1)
  const plain = await ask()
  t.equal(plain.headers.get('content-type'), 'text/plain')
  t.match(await plain.json(), { expires_in: 7200 })
  t.match(fake.count, { token: 4, rotated: 2 })
})

t.test('The fault `drop` rotates no token, and `drop-after-rotation` rotates one', async (t) => {
  const { fake, ask } = await start(t)
  fake.fail('token', 'drop', 1)
  await t.rejects(ask())
  t.match(fake.count, { token: 1, rotated: 0 })
  fake.fail('token', 'drop-after-rotation', 1)
  await t.rejects(ask())
  t.match(fake.count, { token: 2, rotated: 1 })
})

t.test('A token with a slow response is rotated before the response is sent', async (t) => {
  const { fake, ask } = await start(t, { slow: 200 })
  fake.fail('token', 'slow', 1)
  const pending = ask()
  while (fake.count.rotated === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  const rotated = fake.currentToken()
  t.equal(((await (await pending).json()) as { access_token: string }).access_token, rotated)
})

t.test('A POST without a content-length gets an empty 412, as on the real platform', async (t) => {
  const { fake } = await start(t)
  const status = await new Promise((resolve, reject) => {
    const request = httpRequest(`${fake.url}/cgi-bin/message/custom/send`, { method: 'POST' }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    request.on('error', reject)
    request.write('{}')
    request.end()
  })
  t.equal(status, 412)
})

t.test('The log contains no AppSecret and no token, not even when it is inspected', async (t) => {
  const { fake, ask } = await start(t)
  await ask()
  fake.fail('token', 'drop', 1)
  await ask().catch(() => {})
  t.match(fake.log, [
    { method: 'GET', path: '/cgi-bin/token', status: 200, errcode: 0, fault: undefined },
    { status: 0, errcode: undefined, fault: 'drop' },
  ])
  const shown = inspect(fake.log, { depth: 9, showHidden: true })
  for (const secret of [fake.appSecret, fake.currentToken()!]) t.notOk(shown.includes(secret))
})

t.test('The option `now` replaces the clock of the platform', async (t) => {
  let time = 0
  const { fake, ask } = await start(t, { now: () => time, ttl: 10 })
  await ask()
  const probe = async () =>
    (
      (await (await fetch(`${fake.url}/cgi-bin/getcallbackip?access_token=${fake.currentToken()}`)).json()) as {
        errcode?: number
      }
    ).errcode
  t.equal(await probe(), undefined)
  time = 10_000
  t.equal(await probe(), 42001)
})

t.test('`close` cuts open connections and can be called twice', async (t) => {
  const { fake, ask } = await start(t, { delay: 60_000 })
  const pending = ask()
  while (fake.count.token === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await fake.close()
  await t.rejects(pending)
  await fake.close()
})

t.test('A process ends by itself after `close`, even with an idle connection and a pending response', async (t) => {
  const script = `
    const { fakeWeChat } = require(${JSON.stringify(new URL('../../dist/testing/index.js', import.meta.url).pathname)})
    fakeWeChat({ slow: 60_000 }).then(async (fake) => {
      await (await fetch(fake.url + '/x')).text()
      fake.fail('token', 'slow')
      const pending = fetch(fake.url + '/cgi-bin/token').catch(() => {})
      while (fake.count.token === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      await fake.close()
      await pending
    })`
  const start = Date.now()
  await new Promise<void>((resolve, reject) =>
    execFile(process.execPath, ['-e', script], { timeout: 20_000 }, (error) => (error ? reject(error) : resolve())),
  )
  t.ok(Date.now() - start < 15_000)
})

t.test('A wrong option or fault is a TypeError that names it', async (t) => {
  await t.rejects(fakeWeChat({ ttl: '7200' as never }), { name: 'TypeError', message: /^ttl must be a number/ })
  await t.rejects(fakeWeChat({ maxLive: 0 }), { message: /^maxLive must be a number, at least 1; got 0 \(number\)/ })
  await t.rejects(fakeWeChat({ accounts: [] }), { message: /^accounts must/ })
  await t.rejects(fakeWeChat({ accounts: [{ appId: 'x' } as never] }), { message: /^accounts must/ })
  const { fake } = await start(t)
  t.throws(() => fake.fail('tokens' as never, -1), {
    message: /^endpoint must be one of token, stable, ticket, call, quota, component, authorizer; got "tokens" \(string\)/,
  })
  t.throws(() => fake.fail('token', 'explode' as never), { message: /^fault must/ })
  t.throws(() => fake.fail('token', 0), { message: /^fault must/ })
  t.throws(() => fake.fail('token', -1, 0), { message: /^times must/ })
})

t.test('An unknown option is a TypeError that suggests the nearest name', async (t) => {
  const unknown = [
    [{ overlapp: 0 }, 'unknown option "overlapp" of fakeWeChat; did you mean "overlap"?'],
    [{ account: { whiteList: [] } }, 'unknown option "whiteList" of an account; did you mean "whitelist"?'],
    [{ limits: { forces: 1 } }, 'unknown option "forces" of limits; did you mean "forced"?'],
  ] as const
  for (const [options, message] of unknown) {
    await t.rejects(fakeWeChat(options as never), { name: 'TypeError', message })
  }
  await t.rejects(fakeWeChat([] as never), { name: 'TypeError', message: /^the options of fakeWeChat must be an object/ })
})
