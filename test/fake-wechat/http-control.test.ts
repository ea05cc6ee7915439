/** The fake's methods over HTTP, as a program in another language calls them. */
import t, { type Test } from 'tap'
import { fakeWeChat } from '../../src/testing/index.js'

async function start(t: Test, control = true) {
  const fake = await fakeWeChat({ control })
  t.teardown(() => fake.close())
  const json = async (path: string, init?: RequestInit): Promise<Record<string, unknown>> => {
    const answer = await fetch(fake.url + path, init)
    return { status: answer.status, ...((await answer.json()) as object) }
  }
  const command = (name: string, ...args: unknown[]) =>
    json(`/_fake/${name}`, { method: 'POST', body: args.length === 0 ? '' : JSON.stringify(args) })
  const token = () => json(`/cgi-bin/token?grant_type=client_credential&appid=${fake.appId}&secret=${fake.appSecret}`)
  return { fake, json, command, token }
}

t.test('POST /_fake/<name> kills tokens, orders and removes faults, and advances the clock', async (t) => {
  const { fake, json, command, token } = await start(t)
  const { access_token } = await token()
  t.match(await command('currentToken'), { status: 200, result: access_token })
  t.match(await command('killToken'), { status: 200, result: null })
  t.match(await json(`/cgi-bin/getcallbackip?access_token=${access_token}`), { errcode: 40001 })
  await command('fail', 'token', 'html', 1)
  t.equal((await fetch(`${fake.url}/cgi-bin/token`)).status, 502)
  await command('fail', 'token', 45009)
  t.match(await token(), { errcode: 45009 })
  await command('heal')
  t.match(await token(), { expires_in: 7200 })
  const before = fake.now()
  await command('advance', 7_200_000)
  t.ok(fake.now() - before >= 7_200_000)
  await command('setRisk', true, null)
  t.match(await token(), { errcode: 89503 })
  t.match(await command('confirm'), { result: ['127.0.0.1'] })
})

t.test('GET /_fake returns the counters and the log, without any secret', async (t) => {
  const { fake, token } = await start(t)
  await token()
  const text = await (await fetch(`${fake.url}/_fake`)).text()
  t.match(JSON.parse(text), { count: { token: 1 }, log: [{ path: '/cgi-bin/token', errcode: 0 }] })
  for (const secret of [fake.appSecret, fake.currentToken()!]) t.notOk(text.includes(secret))
  t.equal(fake.log.length, 1, 'requests to /_fake are not logged')
})

t.test('An unknown name or a wrong argument is answered with an error that explains it', async (t) => {
  const { command, json } = await start(t)
  t.match(await command('close'), { status: 404, error: /^use POST \/_fake\/<name>, where <name> is one of advance, / })
  t.match(await json('/_fake/killToken'), { status: 404 }, 'a GET changes nothing')
  t.match(await command('fail', 'token', 'explode'), { status: 400, error: /^fault must be/ })
  t.match(await json('/_fake/heal', { method: 'POST', body: '{}' }), { status: 400, error: /JSON list/ })
  t.match(await json('/_fake/heal', { method: 'POST', body: '[' }), { status: 400 })
})

t.test('The paths under /_fake are unknown unless the option `control` is true', async (t) => {
  const { json, command } = await start(t, false)
  t.match(await json('/_fake'), { errcode: 40066 })
  t.match(await command('killToken'), { errcode: 40066 })
})
