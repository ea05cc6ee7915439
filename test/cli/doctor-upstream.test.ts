import { mkdirSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { type AddressInfo, createServer as createNetServer } from 'node:net'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { fakeWeChat } from '../../src/testing/index.js'
import { examine, project, store } from './doctor-setup.js'
import { run } from './setup.js'

const HOUR_MS = 3_600_000

/** An account of the fake platform as the environment names it. */
const environment = ({ appId, appSecret, url }: { appId: string; appSecret: string; url: string }) => ({
  WX_APPID: appId,
  WX_APPSECRET: appSecret,
  WX_BASE_URL: url,
})

async function listening(t: Test, server: ReturnType<typeof createNetServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** In front of the platform, with another time than this machine. */
const shifted = (t: Test, baseUrl: string, byMs: number) =>
  listening(
    t,
    createServer((incoming, response) => {
      const onward = request(`${baseUrl}${incoming.url}`, { method: incoming.method! }, (answer) => {
        const date = new Date(Date.now() + byMs).toUTCString()
        response.writeHead(answer.statusCode!, { ...answer.headers, date })
        answer.pipe(response)
      })
      onward.end()
    }),
  )

t.test('WeChat is reached without a token, a quota or a secret', async (t) => {
  const fake = await fakeWeChat({})
  t.teardown(() => fake.close())
  const { cwd, dir } = project(t)
  const { code, findings, out } = await examine(t, ['--dir', dir], { cwd, env: environment(fake) })
  t.equal(code, 0)
  t.match(
    findings.filter(({ check }) => check === 'wechat'),
    [{ level: 'ok', appId: fake.appId, errcode: 41004 }],
  )
  t.match(
    findings.filter(({ check }) => check === 'clock'),
    [{ level: 'ok', aheadMs: Number }],
  )
  t.equal(fake.count.rotated + fake.count.stableRotated, 0)
  t.notOk(out.includes(fake.appSecret))
  t.notOk(JSON.stringify(fake.log).includes(fake.appSecret))
})

t.test('An address that the platform refuses is serious, with the address that it sees', async (t) => {
  const fake = await fakeWeChat({ clientIp: '203.0.113.7', account: { whitelist: ['198.51.100.1'] } })
  t.teardown(() => fake.close())
  const { cwd, dir } = project(t)
  const env = environment(fake)
  const refused = await examine(t, ['--dir', dir], { cwd, env })
  t.equal(refused.code, 1)
  t.match(refused.of('wechat'), [{ level: 'serious', errcode: 40164, ip: '203.0.113.7', mend: /203\.0\.113\.7/ }])
  const chinese = await examine(t, ['--dir', dir], { cwd, env: { ...env, LANG: 'zh_CN.UTF-8' } })
  t.match(chinese.of('wechat'), [{ mend: /白名单/ }])
})

t.test("A key's last failure is serious, with the hint of the platform, and only a note while a value lives", async (t) => {
  const fake = await fakeWeChat({ clientIp: '203.0.113.7', account: { whitelist: ['198.51.100.1'] } })
  t.teardown(() => fake.close())
  const { cwd, dir } = project(t)
  const env = environment(fake)
  t.equal((await run(t, ['get', 'ACCESS_TOKEN', '--dir', dir], { cwd, env })).code, 1)
  const { of, out } = await examine(t, ['--dir', dir], { cwd, env })
  t.match(of('keys'), [
    { level: 'serious', key: 'ACCESS_TOKEN', state: 'missing', errcode: 40164, ip: '203.0.113.7', mend: /203\.0\.113\.7/ },
  ])
  t.notOk(out.includes(fake.appSecret))
})

t.test('An account that the platform does not know, and a platform that nobody reaches, are serious', async (t) => {
  const fake = await fakeWeChat({})
  const { cwd, dir } = project(t)
  const env = environment(fake)
  const unknown = await examine(t, ['--dir', dir], { cwd, env: { ...env, WX_APPID: 'wx0000000000000000' } })
  t.match(unknown.of('wechat'), [{ level: 'serious', errcode: 40013 }])
  await fake.close()
  const closed = await examine(t, ['--dir', dir], { cwd, env })
  t.equal(closed.code, 1)
  t.match(closed.of('wechat'), [{ level: 'serious', what: /ECONNREFUSED/, mend: /network/ }])
  t.same(closed.of('clock'), [], 'said once')
  // It takes the connection, and never says anything.
  const silent = await listening(
    t,
    createNetServer((socket) => void t.teardown(() => socket.destroy())),
  )
  const hanging = await examine(t, ['--dir', dir], { cwd, env: { ...env, WX_BASE_URL: silent } })
  t.match(hanging.of('wechat'), [{ level: 'serious' }])
})

t.test('A clock that is wrong by an hour is serious, by ten seconds a note', async (t) => {
  const fake = await fakeWeChat({})
  t.teardown(() => fake.close())
  const { cwd, dir } = project(t)
  const clockAt = async (byMs: number) => {
    const env = { ...environment(fake), WX_BASE_URL: await shifted(t, fake.url, byMs) }
    return (await examine(t, ['--dir', dir], { cwd, env })).of('clock')
  }
  const [ahead] = await clockAt(-HOUR_MS)
  t.match(ahead, { level: 'serious', what: /(1 h|59 min \d+ s) ahead of/, mend: /timedatectl/ })
  t.ok(Math.abs((ahead?.aheadMs as number) - HOUR_MS) < 30_000)
  t.match(await clockAt(HOUR_MS), [{ level: 'serious', what: /behind/ }])
  t.match(await clockAt(-20_000), [{ level: 'note' }])
})

t.test('An upstream of another key is asked for its time only, and without the path of its token', async (t) => {
  const seen: string[] = []
  const upstream = createServer((incoming, response) => {
    seen.push(`${incoming.method} ${incoming.url}`)
    response.end()
  })
  const url = await listening(t, upstream)
  const { cwd } = project(t, { keys: { API: { http: { url: `${url}/secret-path`, value: '/value', expiresIn: 600 } } } })
  const { findings } = await examine(t, [], { cwd })
  t.same(seen, ['HEAD /'])
  t.match(
    findings.filter(({ check }) => check === 'clock'),
    [{ level: 'ok', origin: url }],
  )
})

t.test('A wrong encryption key, and none, are serious; a record in plain text is a note', async (t) => {
  const { cwd, dir } = project(t, { encryptionKey: { env: 'DOG_KEY' }, keys: {} })
  const [one, other] = ['1', '2'].map((digit) => digit.repeat(64)) as [string, string]
  const put = (key: string, env: Record<string, string>) =>
    run(t, ['set', key, '--expires-in', '900'], { cwd, env, input: 'the-value' })
  await put('SEALED', { DOG_KEY: one })
  t.same((await examine(t, [], { cwd, env: { DOG_KEY: one } })).of('encryption'), [])
  const wrong = await examine(t, [], { cwd, env: { DOG_KEY: other } })
  t.equal(wrong.code, 1)
  t.match(wrong.of('encryption'), [{ level: 'serious', keys: ['SEALED'], why: /not the one/, mend: /list/ }])
  t.same(wrong.of('keys'), [], 'said once')
  for (const digits of [one, other]) t.notOk(wrong.out.includes(digits))
  const none = await examine(t, ['--dir', dir], { cwd: dirname(cwd) })
  t.match(none.of('encryption'), [{ level: 'serious', why: /has no encryptionKey/ }])
  await store(t, dir, 'PLAIN', { cwd: dirname(cwd) })
  t.match((await examine(t, [], { cwd, env: { DOG_KEY: one } })).of('encryption'), [{ level: 'note', records: ['PLAIN'] }])
})

t.test('A second folder with the same account is serious while its token lives', async (t) => {
  const fake = await fakeWeChat({ ttl: 900 })
  t.teardown(() => fake.close())
  const { cwd, dir } = project(t)
  const env = environment(fake)
  const copy = join(dirname(cwd), 'copy', '.dog')
  mkdirSync(dirname(copy))
  for (const folder of [dir, copy]) t.equal((await run(t, ['get', 'ACCESS_TOKEN', '--dir', folder], { cwd, env })).code, 0)
  const { code, of } = await examine(t, [], { cwd, env })
  t.equal(code, 1)
  t.match(of('identity'), [{ level: 'serious', dir: copy, identity: fake.appId, mend: /DOTDOG_DIR/ }])
})

t.test('A store that does not answer ends in bounded time, and its password is not shown', async (t) => {
  const silent = await listening(
    t,
    createNetServer((socket) => void t.teardown(() => socket.destroy())),
  )
  const url = silent.replace('http://', 'redis://')
  const { cwd } = project(t, { store: { url, password: { env: 'REDIS_PASSWORD' } }, keys: {} })
  const { code, of, out, findings } = await examine(t, [], { cwd, env: { REDIS_PASSWORD: 'hunter22-secret' } })
  t.equal(code, 1)
  t.match(of('keys'), [{ level: 'serious' }])
  t.match(
    findings.filter(({ check }) => check === 'place'),
    [{ level: 'ok', what: /redis/ }],
  )
  t.notOk(out.includes('hunter22'))
})
